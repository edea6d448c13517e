/**
 * Yoga, graphql-ws and RedisPubSub, set up as their documentation shows. Redis:
 * `process.env.REDIS_URL`.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionArgs, GraphQLError } from 'graphql'
import { RedisPubSub } from 'graphql-redis-subscriptions'
import { useServer as serveSockets } from 'graphql-ws/use/ws'
import { createSchema, createYoga } from 'graphql-yoga'
import { Redis } from 'ioredis'
import { WebSocketServer } from 'ws'
import { eventPayload } from '../protocol.ts'
import { serve } from './serve.ts'

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
const pubsub = new RedisPubSub({ publisher: new Redis(url), subscriber: new Redis(url) })
const common = 'cursor: Cursor! seq: Int! at: DateTime! taskId: ID! status: TaskStatus! progress: Progress!'
const yoga = createYoga({
  schema: createSchema({
    typeDefs: `
      scalar DateTime scalar Cursor
      enum TaskStatus { QUEUED RUNNING RETRYING COMPLETED FAILED CANCELED }
      type Progress { percent: Float! stage: String message: String completedItems: Int! failedItems: Int! totalItems: Int! remainingMs: Int }
      type TaskItem { key: String! label: String! status: String! }
      type TaskError { code: String! message: String! }
      interface TaskEvent { ${common} }
      type TaskAdvanced implements TaskEvent { ${common} }
      type TaskItemCompleted implements TaskEvent { ${common} item: TaskItem! }
      type TaskOutput implements TaskEvent { ${common} stream: String! offset: Int! text: String! }
      type TaskFailed implements TaskEvent { ${common} error: TaskError! }
      type Query { ok: Boolean }
      type Subscription { taskProgress(taskId: ID!, after: Cursor): TaskEvent! }`,
    resolvers: {
      TaskEvent: { __resolveType: (event: { type: string }) => event.type },
      Subscription: {
        taskProgress: {
          subscribe: (_: unknown, { taskId }: { taskId: string }) => pubsub.asyncIterableIterator(`task:${taskId}`),
          resolve: (event: unknown) => event,
        },
      },
    },
  }),
  logging: false,
})
const http = createServer((request, response) => void yoga(request, response))
const sockets = new WebSocketServer({ server: http, path: '/graphql' })
serveSockets(
  {
    execute: (args: ExecutionArgs) => (args.rootValue as ReturnType<typeof yoga.getEnveloped>)['execute'](args),
    subscribe: (args: ExecutionArgs) => (args.rootValue as ReturnType<typeof yoga.getEnveloped>)['subscribe'](args),
    async onSubscribe(context, _id, params) {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      })
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      } as ExecutionArgs
      const errors = validate(args.schema, args.document) as GraphQLError[]
      return errors.length > 0 ? errors : args
    },
  },
  sockets,
)
const seqs = new Map<number, number>()
http.listen(0, '127.0.0.1', () =>
  serve({
    port: (http.address() as AddressInfo).port,
    publish(topic) {
      const seq = (seqs.get(topic) ?? 0) + 1
      seqs.set(topic, seq)
      const event = {
        type: 'TaskAdvanced',
        cursor: `bench-${topic}-${seq}`,
        seq,
        at: new Date().toISOString(),
        taskId: `t_${topic}`,
        ...eventPayload(seq),
      }
      return pubsub.publish(`task:t_${topic}`, event)
    },
  }),
)
