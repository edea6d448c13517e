import { generateProjectKind } from '../../../src/studio/projects/generate/generate-project.ts'
import type { Project } from '../../../src/studio/projects/project.ts'
import { syncProjectKind } from '../../../src/studio/projects/sync-project.ts'
import { anyFailure, keyDescription, requireViewer, startTask, type TaskSource } from '../../index.ts'
import { builder, defineResult, taskRef } from '../builder.ts'
import { projectRef } from '../refs.ts'
import { loadProject, projectTemplate } from './project.ts'

type Started = TaskSource & { readonly project: Project }
const generateProjectSuccess = builder.objectRef<Started>('GenerateProjectSuccess').implement({
  description: 'The task that generates the project was started.',
  fields: (t) => ({
    project: t.field({
      type: projectRef,
      description: 'The project, empty at first.',
      resolve: ({ project }) => project,
    }),
    task: t.field({
      type: taskRef,
      description:
        'The task that generates the project. Its items are the files, by path. The text of each file streams as TaskOutput with the path as `stream`; a rewritten file has the suffix `#2`.',
      resolve: (source) => source,
    }),
  }),
})
const generateProjectResult = defineResult(generateProjectSuccess, anyFailure)
const syncProjectSuccess = builder.objectRef<Started>('SyncProjectSuccess').implement({
  description: 'The task that checks the files was started.',
  fields: (t) => ({
    project: t.field({
      type: projectRef,
      description: 'The project, with its previous files until the task is completed.',
      resolve: ({ project }) => project,
    }),
    task: t.field({
      type: taskRef,
      description:
        'The task that syncs the project, with the stages validating, syncing, launching and complete. It fails when files have problems: see `TaskError.problems`.',
      resolve: (source) => source,
    }),
  }),
})
const syncProjectResult = defineResult(syncProjectSuccess, anyFailure)
const updateFileSuccess = builder.objectRef<{ readonly project: Project }>('UpdateProjectFileSuccess').implement({
  description: 'The file was written.',
  fields: (t) => ({
    project: t.field({
      type: projectRef,
      description: 'The project with its new version.',
      resolve: ({ project }) => project,
    }),
  }),
})
const updateFileResult = defineResult(updateFileSuccess, ['NotFoundError', 'ConflictError', 'InvalidInputError'])
interface Deleted {
  readonly id: string
  readonly canceledTaskIds: readonly string[]
}
const deleteProjectSuccess = builder.objectRef<Deleted>('DeleteProjectSuccess').implement({
  description: 'The project was deleted with its files and its preview.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the deleted project.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks of the project that were canceled.',
      resolve: ({ canceledTaskIds }) => [...canceledTaskIds],
    }),
  }),
})
const deleteProjectResult = defineResult(deleteProjectSuccess, ['NotFoundError'])

const fileInput = builder.inputType('ProjectFileInput', {
  description: 'A file of a project.',
  fields: (t) => ({
    path: t.string({
      required: true,
      description: 'A relative path with `/` between folders. Extensions: html, css, js, mjs, json, svg, txt, md, csv.',
    }),
    content: t.string({
      required: true,
      description: 'The complete content, up to 256 KiB; a project has up to 512 KiB.',
    }),
  }),
})

const generateProjectInput = builder.inputType('GenerateProjectInput', {
  description: 'The project to generate.',
  fields: (t) => ({
    prompt: t.string({
      required: true,
      description: 'The desired project, up to 4,000 characters. Without a model the prompt selects the template.',
    }),
    documentId: t.id({ description: 'A document that the viewer may read: the subject of the project.' }),
    quizId: t.id({ description: 'A quiz of the viewer, as a source of questions.' }),
    template: t.field({ type: projectTemplate, description: 'The template to use, whatever the prompt.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const syncProjectInput = builder.inputType('SyncProjectInput', {
  description: 'The complete files of a project.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'A project of the viewer.' }),
    files: t.field({ type: [fileInput], required: true, description: 'All files of the project.' }),
    expectedVersion: t.int({
      description: 'The `Project.version` that the files are based on; refused when the project has changed since.',
    }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const updateProjectFileInput = builder.inputType('UpdateProjectFileInput', {
  description: 'The file to write.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'A project of the viewer.' }),
    path: t.string({ required: true, description: 'The path of the file.' }),
    content: t.string({ required: true, description: 'The complete content of the file.' }),
    expectedVersion: t.int({ description: 'As in `syncProject`.' }),
  }),
})
const deleteProjectInput = builder.inputType('DeleteProjectInput', {
  description: 'The project to delete.',
  fields: (t) => ({ projectId: t.id({ required: true, description: 'A project of the viewer.' }) }),
})

builder.mutationFields((t) => ({
  generateProject: t.field({
    type: generateProjectResult.type,
    description:
      'Generates a small static web project. Returns the task at once; files stream as they are written. Without a model, or with `template`, a built-in template is filled with the document or the quiz.',
    args: { input: t.arg({ type: generateProjectInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { prompt, documentId, quizId, template, idempotencyKey } }, context) =>
      generateProjectResult.run(context, documentId ?? quizId ?? '', async () => {
        const input = {
          prompt,
          documentId: documentId ?? null,
          quizId: quizId ?? null,
          template: template ?? null,
        }
        await context.quotas.check('projects', requireViewer(context).userId, { key: idempotencyKey })
        const task = await startTask(context, generateProjectKind, input, idempotencyKey)
        return { task, project: await loadProject(context, task.subject ?? '') }
      }),
  }),
  syncProject: t.field({
    type: syncProjectResult.type,
    description:
      'Replaces the files of a project atomically and updates its preview. Files that are not listed are removed.',
    args: { input: t.arg({ type: syncProjectInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { projectId, files, expectedVersion, idempotencyKey } }, context) =>
      syncProjectResult.run(context, projectId, async () => {
        const input = {
          projectId,
          files: files.map(({ path, content }) => ({ path, content })),
          expectedVersion: expectedVersion ?? null,
        }
        const task = await startTask(context, syncProjectKind, input, idempotencyKey)
        return { task, project: await loadProject(context, projectId) }
      }),
  }),
  updateProjectFile: t.field({
    type: updateFileResult.type,
    description:
      'Writes one file, new or existing, if it has no problems. A running preview shows it. The message of an issue names file, line and column, such as `app.js:3:7`.',
    args: { input: t.arg({ type: updateProjectFileInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { projectId, path, content, expectedVersion } }, context) =>
      updateFileResult.run(context, projectId, async () => {
        const { id, owner } = await loadProject(context, projectId)
        await context.projects.updateFile({
          owner,
          projectId: id,
          path,
          content,
          expectedVersion: expectedVersion ?? undefined,
        })
        return { project: await loadProject(context, id) }
      }),
  }),
  deleteProject: t.field({
    type: deleteProjectResult.type,
    description: 'Deletes a project with its files, stops its preview and cancels its running tasks.',
    args: { input: t.arg({ type: deleteProjectInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { projectId: id } }, context) =>
      deleteProjectResult.run(context, id, async () => {
        const { userId } = requireViewer(context)
        return { id, canceledTaskIds: await context.projects.delete(userId, id) }
      }),
  }),
}))
