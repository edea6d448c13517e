import { endingOf } from '../../../src/studio/projects/file-names.ts'
import type { Project, ProjectFile } from '../../../src/studio/projects/project.ts'
import {
  activeTaskOf,
  type Context,
  findOwn,
  readPage,
  refuseAsMissing,
  rememberedTask,
  requireViewer,
} from '../../index.ts'
import { builder, defineConnection, listArguments, node, registerOwnNode, taskError, taskRef } from '../builder.ts'
import { findDocumentOf } from '../document/document-access.ts'
import { documentRef, projectRef } from '../refs.ts'

registerOwnNode('project', 'Project', (loaders) => loaders.project)

/** `ProjectTemplate` */
export const projectTemplate = builder.enumType('ProjectTemplate', {
  description: 'A built-in template for projects, filled with a document or a quiz.',
  values: {
    READING_PAGE: { description: 'A document with a table of contents.' },
    QUIZ_PAGE: { description: 'Questions with their answers afterwards.' },
    FLASH_CARDS: { description: 'Flash cards.' },
  } as const,
})
const projectStatus = builder.enumType('ProjectStatus', {
  description: 'The status of a project.',
  values: {
    GENERATING: { description: 'The first files are being written; `activeTask` has the progress.' },
    READY: { description: 'The project can be edited, synced and previewed.' },
    FAILED: { description: 'The generation failed; see `error`. The project can be edited and synced nevertheless.' },
  } as const,
})

const projectFile = builder.objectRef<ProjectFile>('ProjectFile').implement({
  description: 'A text file of a project.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The path, such as `index.html` or `parts/menu.js`.' }),
    content: t.exposeString('content', { description: 'The complete content.' }),
    sizeBytes: t.exposeInt('sizeBytes', { description: 'The size of the content in UTF-8.' }),
    language: t.string({
      description: 'The file extension in lower case: `html`, `css`, `js` …',
      resolve: ({ path }) => endingOf(path),
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'The time of the last change.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
  }),
})

projectRef.implement({
  description: 'A small static web project of HTML, CSS and JavaScript, with a preview.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `project_`.' }),
    title: t.exposeString('title', {
      description: 'The title of the source document or quiz, or the start of the prompt.',
    }),
    prompt: t.exposeString('prompt', { description: 'The prompt of the project.' }),
    template: t.field({
      type: projectTemplate,
      nullable: true,
      description: 'The template; null when a model generated the project.',
      resolve: ({ template }) => template,
    }),
    status: t.field({ type: projectStatus, description: 'The current status.', resolve: ({ status }) => status }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'The cause of the failure; null otherwise.',
      resolve: ({ error }) => error,
    }),
    version: t.exposeInt('version', { description: 'Incremented by each change of the files; 0 before the first.' }),
    files: t.field({
      type: [projectFile],
      description: 'All files, by path.',
      resolve: ({ id }, _, { loaders }) => loaders.projectFiles.load(id),
    }),
    file: t.field({
      type: projectFile,
      nullable: true,
      description: 'A file of the project; null when there is none with this path.',
      args: { path: t.arg.string({ required: true, description: 'The path of the file.' }) },
      resolve: async ({ id }, { path }, { loaders }) =>
        (await loaders.projectFiles.load(id)).find((file) => file.path === path.normalize('NFC')) ?? null,
    }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description:
        'The source document; null without one, after it was deleted, and when it is no longer shared with the project’s owner.',
      resolve: ({ documentId, owner }, _, context) =>
        documentId === null ? null : findDocumentOf(context, documentId, owner),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description:
        'The task that is generating or syncing the project, so that a page that has just loaded can subscribe to it.',
      resolve: activeTaskOf,
    }),
    lastSync: t.field({
      type: taskRef,
      nullable: true,
      description: 'The newest sync task; its `error` has the problems of the files.',
      resolve: async ({ id }, _, context) => rememberedTask(await context.loaders.lastSync.load(id), context),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was created.',
      resolve: ({ createdAt }) => createdAt,
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'The time of the last change.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
  }),
})

/** Returns the viewer's project. @throws TidingsError `NOT_FOUND` */
export async function loadProject(context: Context, id: string): Promise<Project> {
  return (await findOwn(context, context.loaders.project, id)) ?? refuseAsMissing('project', id)
}

const projectConnection = defineConnection<Project>('Project', projectRef)

builder.queryFields((t) => ({
  project: t.field({
    type: projectRef,
    nullable: true,
    description: 'A project of the viewer; null when there is none with this id.',
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
