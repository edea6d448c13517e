import { generateProjectKind } from '../src/studio/projects/generate-project.ts'
import type { Project } from '../src/studio/projects/project.ts'
import { syncProjectKind } from '../src/studio/projects/sync-project.ts'
import { builder, requireViewer } from './builder.ts'
import { loadProject, projectTemplate } from './project.ts'
import { projectRef, type TaskSource, taskRef } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'
import { keyDescription, startTask } from './start-task.ts'

type Started = TaskSource & { readonly project: Project }
const generateProjectSuccess = builder.objectRef<Started>('GenerateProjectSuccess').implement({
  description: 'The project is being made.',
  fields: (t) => ({
    project: t.field({ type: projectRef, description: 'The project, still empty.', resolve: ({ project }) => project }),
    task: t.field({
      type: taskRef,
      description:
        'The task that makes it. Its items are the files, by name; the text of each streams as TaskOutput of the same name, with `#2` behind it where one is written again.',
      resolve: (source) => source,
    }),
  }),
})
const generateProjectResult = defineResult(generateProjectSuccess, anyFailure)
const syncProjectSuccess = builder.objectRef<Started>('SyncProjectSuccess').implement({
  description: 'The files are being checked.',
  fields: (t) => ({
    project: t.field({
      type: projectRef,
      description: 'The project, still with the files from before.',
      resolve: ({ project }) => project,
    }),
    task: t.field({
      type: taskRef,
      description:
        'The task that syncs it: validating, syncing, launching, complete. Where files have problems it fails, and `TaskError.problems` has all of them.',
      resolve: (source) => source,
    }),
  }),
})
const syncProjectResult = defineResult(syncProjectSuccess, anyFailure)
const updateFileSuccess = builder.objectRef<{ readonly project: Project }>('UpdateProjectFileSuccess').implement({
  description: 'The file is as it was asked to be.',
  fields: (t) => ({
    project: t.field({
      type: projectRef,
      description: 'The project, at its new version.',
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
  description: 'The project is gone, with its files and its preview.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The project that was.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks that worked on it and were canceled.',
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
      description: 'Relative, with `/` between folders; html, css, js, mjs, json, svg, txt, md or csv.',
    }),
    content: t.string({ required: true, description: 'All of it, up to 256 KiB; a project has up to 512 KiB.' }),
  }),
})

const generateProjectInput = builder.inputType('GenerateProjectInput', {
  description: 'The project to generate.',
  fields: (t) => ({
    prompt: t.string({
      required: true,
      description: 'What to build, up to 4,000 characters. Without a model the prompt selects the template.',
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
      'Makes a small static web project. Returns at once with the task; files stream as they are written. Without a model, or with a `template`, it is one of our pages, filled with the document or the quiz.',
    args: { input: t.arg({ type: generateProjectInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { prompt, documentId, quizId, template, idempotencyKey } }, context) =>
      generateProjectResult.run(context, documentId ?? quizId ?? '', async () => {
        const input = {
          prompt,
          documentId: documentId ?? null,
          quizId: quizId ?? null,
          template: template ?? null,
        }
        const task = await startTask(context, generateProjectKind, input, idempotencyKey)
        return { task, project: await loadProject(context, task.subject ?? '') }
      }),
  }),
  syncProject: t.field({
    type: syncProjectResult.type,
    description:
      'Makes these the files of a project, all or none, and has its preview show them. Those that are not named are taken away.',
    args: { input: t.arg({ type: syncProjectInput, required: true, description: 'The arguments.' }) },
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
    args: { input: t.arg({ type: updateProjectFileInput, required: true, description: 'The arguments.' }) },
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
    description: 'Deletes a project with its files, ends its preview and cancels what works on it.',
    args: { input: t.arg({ type: deleteProjectInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { projectId: id } }, context) =>
      deleteProjectResult.run(context, id, async () => {
        const { userId } = requireViewer(context)
        return { id, canceledTaskIds: await context.projects.delete(userId, id) }
      }),
  }),
}))
