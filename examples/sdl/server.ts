import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mergeSchemas } from '@graphql-tools/schema'
import { createTidings, findTask } from 'tidings'
import { exportReport } from '../http/tasks.ts'

interface Report {
  readonly id: string
  readonly title: string
  exportTaskId?: string
}
interface Context {
  readonly reports: ReadonlyMap<string, Report>
  readonly userId: string | undefined
}
const reports = new Map<string, Report>([['report_1', { id: 'report_1', title: 'Sales' }]])

const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
const schema = mergeSchemas({
  schemas: [tidings.schema],
  typeDefs: `
    type Report {
      id: ID!
      title: String!
      lastExport: Task
    }
    extend type Query {
      me: String
      report(id: ID!): Report
    }
    extend type Mutation {
      exportAgain(reportId: ID!): Report
    }
    extend type ExportReportOutput {
      report: Report
    }
  `,
  resolvers: {
    Query: {
      me: (_: unknown, __: unknown, { userId }: Context) => userId,
      report: (_: unknown, { id }: { readonly id: string }, context: Context) => context.reports.get(id),
    },
    Mutation: {
      async exportAgain(_: unknown, { reportId }: { readonly reportId: string }, { userId, reports }: Context) {
        const report = reports.get(reportId)
        if (report === undefined || userId === undefined) return null
        const { id } = await tidings.start(exportReport, { reportId, pages: 2 }, { owner: userId })
        report.exportTaskId = id
        return report
      },
    },
    Report: {
      lastExport: ({ exportTaskId }: Report, _: unknown, context: Context) => findTask(context, exportTaskId),
    },
    // A field of the team on a type of Tidings has the context of the team, also below a subscription.
    ExportReportOutput: {
      report: ({ url }: { readonly url: string }, _: unknown, context: Context) =>
        context.reports.get(new URL(url).pathname.slice(1).split('.')[0] ?? ''),
    },
  },
})

const server = createServer()
await tidings.attach(server, { schema, context: (viewer): Context => ({ reports, userId: viewer?.userId }) })
await tidings.worker()

server.listen(Number(process.env['PORT'] ?? 4000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => server.close())
})
