import { z } from 'zod'
import { defineTask, stage } from '../../src/index.ts'

const node = z.object({
  name: z.string(),
  get children() {
    return z.array(node)
  },
})

/** A kind with every sort of type in its input and its result. */
export const buildTree = defineTask({
  kind: 'BUILD_TREE',
  input: z.object({
    depth: z.int(),
    at: z.iso.datetime(),
    mode: z.enum(['wide', 'deep']),
    root: z.object({ name: z.string(), isOpen: z.boolean(), note: z.string().optional() }),
    source: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('file'), path: z.string() }),
      z.object({ kind: z.literal('text'), text: z.string() }),
    ]),
    labels: z.array(z.string()),
  }),
  result: z.object({
    root: node,
    outcome: z.discriminatedUnion('is', [
      z.object({ is: z.literal('small'), count: z.int() }),
      z.object({ is: z.literal('large'), size: z.number() }),
    ]),
  }),
  errors: {
    TOO_DEEP: z.object({ depth: z.int(), path: z.array(z.string()) }).describe('The tree has */ too many levels.'),
    CLOSED: z.object({}),
  },
  async *run() {
    yield stage('building')
    return await Promise.resolve({ root: { name: '', children: [] }, outcome: { is: 'small' as const, count: 1 } })
  },
})

/** A kind without result and errors, whose input has no fields. */
export const sendMail = defineTask({
  kind: 'SEND_MAIL',
  input: z.object({}),
  async *run() {
    yield stage('sending')
  },
})

/** Kinds whose names TypeScript reserves, or the printed module uses. */
export const reservedKinds = ['DELETE', 'SCHEMA'].map((kind) =>
  defineTask({
    kind,
    input: z.object({ id: z.string() }),
    async *run() {
      yield stage('working')
    },
  }),
)
