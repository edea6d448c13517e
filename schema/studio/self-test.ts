import { TidingsError } from '../../src/engine.ts'
import { selfTestKind } from '../../src/studio/self-test/self-test.ts'
import { keyDescription, requireViewer, startTask, type TaskSource } from '../index.ts'
import { builder, defineResult, taskRef } from './builder.ts'

const startSelfTestInput = builder.inputType('StartSelfTestInput', {
  description: 'The behavior of the task.',
  fields: (t) => ({
    items: t.int({ defaultValue: 20, description: 'The number of items, up to 500.' }),
    everyMs: t.int({ defaultValue: 50, description: 'The pause before each item in milliseconds, up to 5,000.' }),
    textLength: t.int({
      defaultValue: 0,
      description: 'The number of characters streamed with each item, up to 10,000.',
    }),
    failAfter: t.int({ description: 'Fails the first attempt after this many items; never by default.' }),
    retryable: t.boolean({ defaultValue: true, description: 'Whether a second attempt follows the failure.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})

const startSelfTestSuccess = builder.objectRef<TaskSource>('StartSelfTestSuccess').implement({
  description: 'The task was started.',
  fields: (t) => ({ task: t.field({ type: taskRef, description: 'The task.', resolve: (source) => source }) }),
})
const startSelfTestResult = defineResult(startSelfTestSuccess, ['InvalidInputError'])

builder.mutationField('startSelfTest', (t) =>
  t.field({
    type: startSelfTestResult.type,
    description:
      'Starts a task that counts, waits, streams, fails and retries as requested; `npm run selftest` measures a deployment with it. Disabled unless the server is started with SELF_TEST=true.',
    args: { input: t.arg({ type: startSelfTestInput, required: true, description: 'The input.' }) },
    resolve: (_, { input }, context) =>
      startSelfTestResult.run(context, '', async () => {
        requireViewer(context)
        if (!context.engine.definitions.has(selfTestKind))
          throw new TidingsError('BAD_INPUT', 'The self-test is off; start the server with SELF_TEST=true')
        const { items, everyMs, textLength, failAfter, retryable, idempotencyKey } = input
        const task = await startTask(
          context,
          selfTestKind,
          {
            items: items ?? 20,
            everyMs: everyMs ?? 50,
            textLength: textLength ?? 0,
            failAfter: failAfter ?? null,
            retryable: retryable ?? true,
          },
          idempotencyKey,
        )
        return { task }
      }),
  }),
)
