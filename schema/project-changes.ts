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

builder.mutationFields((t) => ({
  generateProject: t.field({
    type: generateProjectResult.type,
    description:
      'Makes a small static web project. Returns at once with the task; files stream as they are written. Without a model, or with a `template`, it is one of our pages, filled with the document or the quiz.',
    args: {
      prompt: t.arg.string({
        required: true,
        description: 'What is wanted, up to 4,000 characters. Without a model it chooses the template.',
      }),
      documentId: t.arg.id({ description: 'A document that the viewer may read: what the project is about.' }),
      quizId: t.arg.id({ description: 'A quiz of the viewer’s, for its questions.' }),
      template: t.arg({ type: projectTemplate, description: 'One of our pages, whatever the prompt says.' }),
      idempotencyKey: t.arg.string({ description: keyDescription }),
    },
    resolve: (_, { prompt, documentId, quizId, template, idempotencyKey }, context) =>
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
    args: {
      projectId: t.arg.id({ required: true, description: 'A project of the viewer’s.' }),
      files: t.arg({ type: [fileInput], required: true, description: 'All files that it is to have.' }),
      expectedVersion: t.arg.int({
        description: 'The `Project.version` that the files come from: refused when it was changed elsewhere since.',
      }),
      idempotencyKey: t.arg.string({ description: keyDescription }),
    },
    resolve: (_, { projectId, files, expectedVersion, idempotencyKey }, context) =>
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
      'Writes one file, new or not, once nothing is wrong with it. A preview that runs shows it. Its issues name line and column, such as `content:3:7`.',
    args: {
      projectId: t.arg.id({ required: true, description: 'A project of the viewer’s.' }),
      path: t.arg.string({ required: true, description: 'The file.' }),
      content: t.arg.string({ required: true, description: 'All of it.' }),
      expectedVersion: t.arg.int({ description: 'As in `syncProject`.' }),
    },
    resolve: (_, { projectId, path, content, expectedVersion }, context) =>
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
    args: { id: t.arg.id({ required: true, description: 'A project of the viewer’s.' }) },
    resolve: (_, { id }, context) =>
      deleteProjectResult.run(context, id, async () => {
        const { userId } = requireViewer(context)
        return { id, canceledTaskIds: await context.projects.delete(userId, id) }
      }),
  }),
}))
