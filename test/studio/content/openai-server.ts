import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How the server responds to the next requests. */
export type Behaviour =
  | { readonly kind: 'ANSWER'; readonly pieces: readonly string[]; readonly reason?: string }
  /** Sends the chunks and then nothing more, keeping the connection open. */
  | { readonly kind: 'SILENT'; readonly pieces: readonly string[] }
  /** Does not respond at all. */
  | { readonly kind: 'DEAF' }
  /** Sends the chunks and destroys the connection. */
  | { readonly kind: 'CUT'; readonly pieces: readonly string[] }
  /** Sends the chunks and ends the response without marking it as finished. */
  | { readonly kind: 'UNFINISHED'; readonly pieces: readonly string[] }
  | {
      readonly kind: 'STATUS'
      readonly status: number
      readonly headers?: Record<string, string>
      readonly code?: string
    }
  /** Responds with status 200 and this body, in chunks of `pieceBytes`. */
  | { readonly kind: 'BODY'; readonly type: string; readonly body: string; readonly pieceBytes?: number }
  /** Sends the chunks and `[DONE]`, without a reason. */
  | { readonly kind: 'NO_REASON'; readonly pieces: readonly string[] }
  /** Sends raw lines after a valid chunk. */
  | { readonly kind: 'RAW'; readonly lines: readonly string[] }

/** A server of streamed chat completions that follows or violates the protocol as configured. */
export interface OpenAiServer extends AsyncDisposable {
  readonly baseUrl: string
  /** Bodies of the requests, oldest first. */
  readonly requests: {
    readonly body: Record<string, unknown>
    readonly authorization: string | undefined
    readonly url: string | undefined
  }[]
  /** With several, each request takes the next one; the last one is kept. */
  behave(...behaviours: readonly [Behaviour, ...Behaviour[]]): void
  /** The number of connections with an open response. */
  readonly open: () => number
  /** Sends one more chunk on every open response. */
  push(piece: string): void
}

/** Starts the server on a free port of the loopback. */
export async function startOpenAiServer(): Promise<OpenAiServer> {
  let behaviours: readonly [Behaviour, ...Behaviour[]] = [{ kind: 'ANSWER', pieces: ['# Hello\n'] }]
  const requests: OpenAiServer['requests'] = []
  const answers = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    answers.add(response)
    response.once('close', () => answers.delete(response))
    void readBody(request).then((body) => {
      requests.push({ body, authorization: request.headers.authorization, url: request.url })
      const [behaviour, next, ...later] = behaviours
      if (next !== undefined) behaviours = [next, ...later]
      respond(response, behaviour)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    behave: (...next) => {
      behaviours = next
    },
    open: () => answers.size,
    push: (piece) => {
      for (const response of answers) response.write(chunkOf(piece))
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
}

/** Returns one event of a stream. */
export function chunkOf(content: string, reason: string | null = null): string {
  const choice = { index: 0, delta: reason === null ? { content } : {}, finish_reason: reason }
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [choice] })}\n\n`
}

function respond(response: ServerResponse, behaviour: Behaviour): void {
  if (behaviour.kind === 'DEAF') return
  if (behaviour.kind === 'STATUS') {
    const { status, headers = {}, code } = behaviour
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify({ error: { message: `status ${status}`, code: code ?? null } }))
    return
  }
  if (behaviour.kind === 'BODY') {
    const { type, body, pieceBytes = 1_000_000 } = behaviour
    const bytes = Buffer.from(body)
    response.writeHead(200, { 'content-type': type })
    for (let at = 0; at < bytes.length; at += pieceBytes) response.write(bytes.subarray(at, at + pieceBytes))
    response.end()
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  switch (behaviour.kind) {
    case 'RAW':
      response.end(behaviour.lines.map((line) => `${line}\n\n`).join(''))
      return
    case 'ANSWER':
      response.end(
        `${behaviour.pieces.map((piece) => chunkOf(piece)).join('')}${chunkOf('', behaviour.reason ?? 'stop')}data: [DONE]\n\n`,
      )
      return
    case 'NO_REASON':
      response.end(`${behaviour.pieces.map((piece) => chunkOf(piece)).join('')}data: [DONE]\n\n`)
      return
    case 'UNFINISHED':
      response.end(behaviour.pieces.map((piece) => chunkOf(piece)).join(''))
      return
    case 'SILENT':
      response.write(behaviour.pieces.map((piece) => chunkOf(piece)).join('') || ': nothing yet\n\n')
      return
    case 'CUT':
      response.write(behaviour.pieces.map((piece) => chunkOf(piece)).join('') || ': nothing yet\n\n', () =>
        response.destroy(),
      )
  }
}
