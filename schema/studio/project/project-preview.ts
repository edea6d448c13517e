import { type Preview, previewChanged, previewTopic } from '../../../src/studio/projects/preview/preview.ts'
import { type EventPosition, refuseAsMissing, requireViewer, subscribeToTopic } from '../../index.ts'
import { builder, defineResult, taskError } from '../builder.ts'
import { projectRef } from '../refs.ts'
import { loadProject } from './project.ts'

const previewState = builder.enumType('PreviewStatus', {
  description: 'The status of a preview.',
  values: {
    STARTING: { description: 'The preview is starting, or is being updated to newer files.' },
    READY: { description: 'The preview is available at `address`.' },
    FAILED: { description: 'The preview failed; see `error`.' },
    STOPPED: {
      description: 'The preview was never started, was stopped, or was idle for a while. `startPreview` starts it.',
    },
  } as const,
})

/** `Preview` */
const previewRef = builder.objectRef<Preview>('Preview').implement({
  description: 'The running preview of a project, on an origin of its own without access to any session.',
  fields: (t) => ({
    projectId: t.exposeID('projectId', { description: 'The project.' }),
    status: t.field({ type: previewState, description: 'The current status.', resolve: ({ status }) => status }),
    address: t.string({
      nullable: true,
      description:
        'The URL of the preview while it is READY. The URL grants access to the preview, so do not pass it on; it changes with every start.',
      resolve: ({ status, key }, _, { previewUrl }) =>
        status === 'READY' && key !== null && previewUrl ? `${previewUrl}/${key}/` : null,
    }),
    version: t.exposeInt('version', {
      description: 'The `Project.version` that the preview shows. Reload it when the number changes.',
    }),
    message: t.string({
      nullable: true,
      description: 'The obstacle to showing the preview, apart from the project itself; null otherwise.',
      resolve: (_, _args, { previewUrl }) =>
        previewUrl === null || previewUrl === undefined
          ? 'This server does not know where browsers reach its previews: PREVIEW_URL is not set.'
          : null,
    }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'The cause of the failure; null otherwise.',
      resolve: ({ error }) => error,
    }),
    changedAt: t.field({
      type: 'DateTime',
      description: 'The time of the last change.',
      resolve: ({ changedAt }) => changedAt,
    }),
  }),
})

builder.objectField(projectRef, 'preview', (t) =>
  t.field({
    type: previewRef,
    description: 'The current preview; subscribe to changes with `previewStatus`.',
    resolve: async ({ id }, _, { loaders }) => (await loaders.preview.load(id)) ?? refuseAsMissing('project', id),
  }),
)

interface PreviewEvent extends EventPosition {
  readonly preview: Preview
}
const previewEvent = builder.objectRef<PreviewEvent>('PreviewChanged').implement({
  description: 'The state of a preview after a change. Without `after`, the first event has the current state.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Pass it back as `after` to receive the events after this one.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.exposeInt('seq', { description: '1, 2, 3 … without gaps; the first event repeats the last number.' }),
    at: t.field({ type: 'DateTime', description: 'When the event happened.', resolve: ({ at }) => at }),
    preview: t.field({ type: previewRef, description: 'The preview.', resolve: ({ preview }) => preview }),
  }),
})

builder.subscriptionField('previewStatus', (t) =>
  t.field({
    type: previewEvent,
    description: `The state of a project’s preview after every change: STARTING, READY with its address, FAILED, STOPPED.

Without \`after\`: the current state first. Completes when the project is deleted.`,
    args: {
      projectId: t.arg.id({ required: true, description: 'A project of the viewer.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
    },
    ...subscribeToTopic<{ projectId: string | number }, Preview, PreviewEvent>(async ({ projectId }, context) => {
      const { id } = await loadProject(context, String(projectId))
      return {
        topic: previewTopic(id),
        snapshot: () => context.projects.previews.snapshot(id),
        // A slow subscriber needs only the latest state.
        classOf: (type) => (type === previewChanged ? 'latest' : 'keep'),
        isLast: ({ payload }) => payload['isLast'] === true,
        read: (update, position) => ({
          ...position,
          preview: update.is === 'event' ? (update.event.payload['preview'] as Preview) : update.state,
        }),
      }
    }),
  }),
)

const changePreviewSuccess = builder.objectRef<{ readonly preview: Preview }>('ChangePreviewSuccess').implement({
  description: 'The request was carried out; the outcome is in `status`.',
  fields: (t) => ({
    preview: t.field({ type: previewRef, description: 'The current preview.', resolve: ({ preview }) => preview }),
  }),
})
const changePreviewResult = defineResult(changePreviewSuccess, ['NotFoundError'], {
  mutations: '`startPreview` or `stopPreview`',
})

const startPreviewInput = builder.inputType('StartPreviewInput', {
  description: 'The project to start the preview of.',
  fields: (t) => ({ projectId: t.id({ required: true, description: 'A project of the viewer.' }) }),
})
const stopPreviewInput = builder.inputType('StopPreviewInput', {
  description: 'The project to stop the preview of.',
  fields: (t) => ({ projectId: t.id({ required: true, description: 'A project of the viewer.' }) }),
})

builder.mutationFields((t) => ({
  startPreview: t.field({
    type: changePreviewResult.type,
    description: 'Starts the preview of a project. A running preview is updated to the current files.',
    args: { input: t.arg({ type: startPreviewInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { projectId } }, context) =>
      changePreviewResult.run(context, projectId, async () => {
        requireViewer(context)
        const { id } = await loadProject(context, projectId)
        return { preview: await context.projects.previews.launch(id) }
      }),
  }),
  stopPreview: t.field({
    type: changePreviewResult.type,
    description: 'Stops the preview of a project; its address becomes invalid.',
    args: { input: t.arg({ type: stopPreviewInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { projectId } }, context) =>
      changePreviewResult.run(context, projectId, async () => {
        const { id } = await loadProject(context, projectId)
        return { preview: await context.projects.previews.stop(id) }
      }),
  }),
}))
