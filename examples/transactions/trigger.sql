create function export_report() returns trigger language plpgsql as $$
begin
  perform tidings.start_task('EXPORT_REPORT', jsonb_build_object('reportId', new.id), new.owner, 'export ' || new.id);
  return null;
end
$$;
create trigger report_export after insert on report
  for each row execute function export_report();
