import { type Preview, previewChanged, previewTopic } from '../src/studio/projects/preview.ts'
import { builder, requireViewer } from './builder.ts'
import { refuseAsMissing } from './failure.ts'
import { taskError } from './progress.ts'
import { loadProject } from './project.ts'
import { projectRef } from './refs.ts'
import { defineResult } from './result.ts'
import type { EventPlace } from './topic-event.ts'
import { subscribeToTopic } from './topic-subscription.ts'

const previewState = builder.enumType('PreviewStatus', {
  description: 'Where a preview is.',
  values: {
    STARTING: { description: 'Is being started, or brought to newer files.' },
    READY: { description: 'Can be looked at, at its `address`.' },
    FAILED: { description: 'Cannot be shown; `error` says why.' },
    STOPPED: { description: 'Is at rest: never started, ended, or not used for a while. `startPreview` starts it.' },
  } as const,
})

/** `Preview` */
const previewRef = builder.objectRef<Preview>('Preview').implement({
  description: 'What a project looks like, on an origin of its own where it can act for nobody.',
  fields: (t) => ({
    projectId: t.exposeID('projectId', { description: 'The project.' }),
    status: t.field({ type: previewState, description: 'Where it is.', resolve: ({ status }) => status }),
    address: t.string({
      nullable: true,
      description:
        'Where a browser finds it, while it is READY. Whoever has the address can look at it, so it is told only to those who may; it changes with every start.',
      resolve: ({ status, key }, _, { previewUrl }) =>
        status === 'READY' && key !== null && previewUrl ? `${previewUrl}/${key}/` : null,
    }),
    version: t.exposeInt('version', {
      description: 'The `Project.version` that it shows: another number, load it again.',
    }),
    message: t.string({
      nullable: true,
      description: 'What stands in its way beside the project itself; null otherwise.',
      resolve: (_, _args, { previewUrl }) =>
        previewUrl === null || previewUrl === undefined
          ? 'This server does not know where browsers reach its previews: PREVIEW_URL is not set.'
          : null,
    }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it FAILED; null otherwise.',
      resolve: ({ error }) => error,
    }),
    changedAt: t.field({
      type: 'DateTime',
      description: 'When it changed last.',
      resolve: ({ changedAt }) => changedAt,
    }),
  }),
})

builder.objectField(projectRef, 'preview', (t) =>
  t.field({
    type: previewRef,
    description: 'Its preview as it is now; `previewStatus` tells each change.',
    resolve: async ({ id }, _, { loaders }) => (await loaders.preview.load(id)) ?? refuseAsMissing('project', id),
  }),
)

interface PreviewEvent extends EventPlace {
  readonly preview: Preview
}
const previewEvent = builder.objectRef<PreviewEvent>('PreviewChanged').implement({
  description: 'A preview as it now is. The first one of a subscription without `after` tells the present state.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Hand it back as `after` to receive what follows.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.exposeInt('seq', { description: '1, 2, 3 … without a gap; the first one repeats the last number.' }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', resolve: ({ at }) => at }),
    preview: t.field({ type: previewRef, description: 'The whole preview.', resolve: ({ preview }) => preview }),
  }),
})

builder.subscriptionField('previewStatus', (t) =>
  t.field({
    type: previewEvent,
    description: `How the preview of a project is, and every change of that: STARTING, READY with its address, FAILED, STOPPED.

Without \`after\`: the present state first. It completes when the project is deleted.`,
    args: {
      projectId: t.arg.id({ required: true, description: 'A project of the viewer’s.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event that was received.' }),
    },
    ...subscribeToTopic<{ projectId: string | number }, Preview, PreviewEvent>(async ({ projectId }, context) => {
      const { id } = await loadProject(context, String(projectId))
      return {
        topic: previewTopic(id),
        snapshot: () => context.projects.previews.snapshot(id),
        // A reader who is too slow needs to know only how it is now.
        classOf: (type) => (type === previewChanged ? 'latest' : 'keep'),
        isLast: ({ payload }) => payload['isLast'] === true,
        read: (followed, place) => ({
          ...place,
          preview: followed.is === 'event' ? (followed.event.payload['preview'] as Preview) : followed.state,
        }),
      }
    }),
  }),
)

const changePreviewSuccess = builder.objectRef<{ readonly preview: Preview }>('ChangePreviewSuccess').implement({
  description: 'The preview is as it was asked to be, or cannot be: see its `status`.',
  fields: (t) => ({
    preview: t.field({ type: previewRef, description: 'The preview now.', resolve: ({ preview }) => preview }),
  }),
})
const changePreviewResult = defineResult(changePreviewSuccess, ['NotFoundError'], '`startPreview` or `stopPreview`')

const startPreviewInput = builder.inputType('StartPreviewInput', {
  description: 'The project whose preview to start.',
  fields: (t) => ({ projectId: t.id({ required: true, description: 'A project of the viewer.' }) }),
})
const stopPreviewInput = builder.inputType('StopPreviewInput', {
  description: 'The project whose preview to stop.',
  fields: (t) => ({ projectId: t.id({ required: true, description: 'A project of the viewer.' }) }),
})

builder.mutationFields((t) => ({
  startPreview: t.field({
    type: changePreviewResult.type,
    description: 'Starts the preview of a project; one that runs shows the files as they are now.',
    args: { input: t.arg({ type: startPreviewInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { projectId } }, context) =>
      changePreviewResult.run(context, projectId, async () => {
        requireViewer(context)
        const { id } = await loadProject(context, projectId)
        return { preview: await context.projects.previews.launch(id) }
      }),
  }),
  stopPreview: t.field({
    type: changePreviewResult.type,
    description: 'Ends the preview of a project: its address leads nowhere from now on.',
    args: { input: t.arg({ type: stopPreviewInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { projectId } }, context) =>
      changePreviewResult.run(context, projectId, async () => {
        const { id } = await loadProject(context, projectId)
        return { preview: await context.projects.previews.stop(id) }
      }),
  }),
}))
