import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ServerCommand, ServerReport } from '../protocol.ts'
import { profile } from './profile.ts'

/** A server of the benchmark. */
export interface BenchServer {
  readonly port: number
  /** The ids of the topics, where they are not `t_<number>`. */
  readonly tasks?: readonly string[]
  /** Publishes the next event of a topic. May resolve once it has been sent. */
  publish(topic: number): void | Promise<void>
}

const report = (message: ServerReport): void => {
  process.send?.(message, () => undefined)
}

/** Runs a server under the commands of the parent process. */
export function serve(server: BenchServer): void {
  let published = 0
  let received = 0
  let receivedBefore = 0
  let isRunning = false
  let timer: NodeJS.Timeout | undefined
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()

  const flood = ({ topics, subscribers, perTurn, window }: ServerCommand & { readonly is: 'flood' }): void => {
    const turn = (): void => {
      if (!isRunning) return
      for (let i = 0; i < perTurn; i++) {
        if (published * subscribers - (received - receivedBefore) >= window) break
        for (let topic = 0; topic < topics; topic++) {
          void server.publish(topic)
          published++
        }
      }
      setImmediate(turn)
    }
    turn()
  }
  const keepRate = ({ topics, perSecond, firstTopic = 0 }: ServerCommand & { readonly is: 'rate' }): void => {
    const startedAt = performance.now()
    let sent = 0
    timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond
      for (; sent < due; sent++) void server.publish(firstTopic + (sent % topics))
    }, 1)
  }

  process.on('message', (command: ServerCommand) => {
    switch (command.is) {
      case 'flood':
        published = 0
        receivedBefore = received
        isRunning = true
        return flood(command)
      case 'rate':
        return keepRate(command)
      case 'received':
        received = command.count
        return
      case 'stop':
        isRunning = false
        clearInterval(timer)
        return report({ is: 'stopped', published })
      case 'memory': {
        for (let i = 0; i < 3; i++) globalThis.gc?.()
        const { rss, heapUsed, external } = process.memoryUsage()
        return report({ is: 'memory', rssBytes: rss, heapBytes: heapUsed, externalBytes: external })
      }
      case 'publish':
        void (async () => {
          for (let i = 0; i < command.count; i++) await server.publish(command.topic)
          report({ is: 'published' })
        })()
        return
      case 'loop': {
        const maxMs = loop.max / 1e6
        loop.reset()
        return report({ is: 'loop', maxMs })
      }
      case 'profile':
        void profile(command.ms).then((shares) => report({ is: 'profiled', shares }))
        return
      case 'cpu': {
        const { user, system } = process.cpuUsage()
        return report({ is: 'cpu', ms: (user + system) / 1_000 })
      }
    }
  })
  process.on('disconnect', () => process.exit())
  report({ is: 'ready', port: server.port, ...(server.tasks === undefined ? {} : { tasks: server.tasks }) })
}
