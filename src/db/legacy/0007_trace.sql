-- Where in a trace a task was put in line, as a W3C traceparent, so that its attempts belong to it in any process.
alter table task add column trace text;
