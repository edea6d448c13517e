import SchemaBuilder from '@pothos/core'
import { createTidings } from 'tidings'
import { TidingsPlugin } from 'tidings/pothos'
import { exportReport } from '../http/tasks.ts'

export interface User {
  readonly id: string
  readonly name: string
}
interface Report {
  readonly id: string
  readonly title: string
  readonly owner: User
  exportTaskId?: string
}

/** The context of this team, which its Yoga creates. */
export interface Context {
  readonly user: User | null
}

const ada: User = { id: 'user_ada', name: 'Ada' }
const grace: User = { id: 'user_grace', name: 'Grace' }
const usersByKey = new Map([
  ['key-of-ada', ada],
  ['key-of-grace', grace],
])
export const users: ReadonlyMap<string, User> = new Map([ada, grace].map((user) => [user.id, user]))
const reports = new Map<string, Report>([['report_1', { id: 'report_1', title: 'Sales', owner: ada }]])

export const tidings = createTidings({
  tasks: [exportReport],
  databaseUrl: process.env['DATABASE_URL'],
  // Over HTTP a header, over WebSockets the payload of `connection_init`: the same key.
  authenticate({ headers, connectionParams }) {
    const user = usersByKey.get(String(connectionParams?.['key'] ?? headers['x-key']))
    return user === undefined ? null : { userId: user.id }
  },
})

const builder = new SchemaBuilder<{ Context: Context; DefaultFieldNullability: false }>({
  defaultFieldNullability: false,
  plugins: [TidingsPlugin],
  tidings: { instance: tidings },
})

const UserType = builder.objectRef<User>('User').implement({
  fields: (t) => ({ id: t.exposeID('id'), name: t.exposeString('name') }),
})
const ReportType = builder.objectRef<Report>('Report').implement({
  fields: (t) => ({
    id: t.exposeID('id'),
    title: t.exposeString('title'),
    owner: t.field({ type: UserType, resolve: ({ owner }) => owner }),
    lastExport: t.taskField({ description: 'Null for others than its owner.', id: ({ exportTaskId }) => exportTaskId }),
  }),
})
// A field of this team on every task, in lists and in subscriptions.
builder.objectField(builder.taskRef(), 'report', (t) =>
  t.field({
    type: ReportType,
    nullable: true,
    resolve: ({ task }, _args, { user }) => {
      const report = reports.get(String(task.input['reportId']))
      return report?.owner === user ? report : null
    },
  }),
)

builder.queryType({
  fields: (t) => ({
    me: t.field({ type: UserType, nullable: true, resolve: (_root, _args, { user }) => user }),
    report: t.field({
      type: ReportType,
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      resolve: (_root, { id }) => reports.get(id),
    }),
  }),
})
builder.mutationType({
  fields: (t) => ({
    exportReport: t.startTask(exportReport, {
      description: 'Exports a report of yours.',
      authorize: (_root, { input }, { user }) => reports.get(input.reportId)?.owner === user,
    }),
    exportAgain: t.field({
      type: ReportType,
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      async resolve(_root, { id }, { user }) {
        const report = reports.get(id)
        if (report === undefined || report.owner !== user) return null
        const task = await tidings.start(exportReport, { reportId: id, pages: 3 }, { owner: user.id })
        report.exportTaskId = task.id
        return report
      },
    }),
    fail: t.boolean({
      resolve() {
        throw new Error('a defect of the team')
      },
    }),
  }),
})

export const schema = builder.toSchema()
