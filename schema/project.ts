import { endingOf } from '../src/studio/projects/file-names.ts'
import type { Project, ProjectFile } from '../src/studio/projects/project.ts'
import { findDocumentOf, findOwn } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import { defineConnection, listArguments, readPage } from './connection.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import { node } from './node.ts'
import { taskError } from './progress.ts'
import { documentRef, projectRef, taskRef } from './refs.ts'
import { activeTaskOf, rememberedTask } from './subject-task.ts'

/** `ProjectTemplate` */
export const projectTemplate = builder.enumType('ProjectTemplate', {
  description: 'What a project can be made from without a model: pages of ours, filled with a document or a quiz.',
  values: {
    READING_PAGE: { description: 'A document to read, with its contents beside it.' },
    QUIZ_PAGE: { description: 'Questions to answer, with the right answers afterwards.' },
    FLASH_CARDS: { description: 'Cards to turn and to take out of the deck.' },
  } as const,
})
const projectStatus = builder.enumType('ProjectStatus', {
  description: 'Where a project is.',
  values: {
    GENERATING: { description: 'Its first files are being written; `activeTask` tells how far that is.' },
    READY: { description: 'It can be edited, synced and looked at.' },
    FAILED: { description: 'It was not finished; `error` says why. It can be edited and synced all the same.' },
  } as const,
})

const projectFile = builder.objectRef<ProjectFile>('ProjectFile').implement({
  description: 'A file of a project: text, as a browser reads it.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Its name, with folders: `index.html`, `parts/menu.js`.' }),
    content: t.exposeString('content', { description: 'All of it.' }),
    sizeBytes: t.exposeInt('sizeBytes', { description: 'Of the content in UTF-8.' }),
    language: t.string({
      description: 'The end of its name in lower case: `html`, `css`, `js` …',
      resolve: ({ path }) => endingOf(path),
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When it changed last.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
  }),
})

projectRef.implement({
  description: 'A small static web project: HTML, CSS and JavaScript, and a preview of it.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `project_`.' }),
    title: t.exposeString('title', {
      description: 'Of the document or quiz it was made from, or how the prompt begins.',
    }),
    prompt: t.exposeString('prompt', { description: 'What was asked for.' }),
    template: t.field({
      type: projectTemplate,
      nullable: true,
      description: 'What it was made from; null when a model decided what to write.',
      resolve: ({ template }) => template,
    }),
    status: t.field({ type: projectStatus, description: 'Where it is.', resolve: ({ status }) => status }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it was not finished; null otherwise.',
      resolve: ({ error }) => error,
    }),
    version: t.exposeInt('version', { description: 'Raised by each change of its files; 0 before the first.' }),
    files: t.field({
      type: [projectFile],
      description: 'All its files, by name.',
      resolve: ({ id }, _, { loaders }) => loaders.projectFiles.load(id),
    }),
    file: t.field({
      type: projectFile,
      nullable: true,
      description: 'One of its files; null when there is none of this name.',
      args: { path: t.arg.string({ required: true, description: 'Its name.' }) },
      resolve: async ({ id }, { path }, { loaders }) =>
        (await loaders.projectFiles.load(id)).find((file) => file.path === path.normalize('NFC')) ?? null,
    }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description:
        'The document it was made from; null when there was none, it was deleted since, or is no longer shared with the project’s owner.',
      resolve: ({ documentId, owner }, _, context) =>
        documentId === null ? null : findDocumentOf(context, documentId, owner),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task that now makes or syncs it, so that a page that has just loaded can pick it up.',
      resolve: activeTaskOf,
    }),
    lastSync: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task that synced it last, or does so now; its `error` tells what was wrong with the files.',
      resolve: async ({ id }, _, context) => rememberedTask(await context.loaders.lastSync.load(id), context),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was asked for.',
      resolve: ({ createdAt }) => createdAt,
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When it changed last.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
  }),
})

/** The viewer's project. @throws TidingsError `NOT_FOUND` */
export async function loadProject(context: Context, id: string): Promise<Project> {
  return (await findOwn(context, context.loaders.project, id)) ?? refuseAsMissing('project', id)
}

const projectConnection = defineConnection<Project>('Project', projectRef)

builder.queryFields((t) => ({
  project: t.field({
    type: projectRef,
    nullable: true,
    description: 'A project of the viewer’s; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `project_`.' }) },
    resolve: (_, { id }, context) => findOwn(context, context.loaders.project, id),
  }),
  projects: t.field({
    type: projectConnection,
    description: 'The viewer’s projects, newest first.',
    args: listArguments,
    resolve: (_, range, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.projects.list({ owner: userId, ...rows }))
    },
  }),
}))
