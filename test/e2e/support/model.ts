import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request of a provider to a model. */
export interface Asked {
  readonly what: 'CONTENT' | 'QUESTIONS' | 'REPLY' | 'PROJECT'
  /** Of the concept; the question, for a reply; empty otherwise. */
  readonly title: string
  /** Of content. */
  readonly piece: 'TUTORIAL' | 'RESOURCES' | 'QUIZ'
  /** The text to generate from. */
  readonly source: string
  /** How often this piece was requested before. */
  readonly times: number
}

/**
 * The response: chunks of text, a refusal (400: final), or that the model is busy (429: retried).
 */
export type Answer = AsyncIterable<string> | Iterable<string> | 'refuse' | 'busy'

/** An OpenAI-compatible endpoint with responses set by a test. */
export interface Model extends AsyncDisposable {
  readonly baseUrl: string
  /** Called for each request. */
  answer: (asked: Asked) => Answer
  /** Every request so far. */
  readonly asked: readonly Asked[]
}

/** Returns a text that is available at once. */
export function textOf({ title, piece, times }: Asked): string[] {
  const again = times === 0 ? '' : ` The ${times + 1}. version.`
  return [`# ${title}\n\n`, `The ${piece.toLowerCase()} `, `of ${title}.${again}\n`]
}

/** Starts the endpoint on a free port. */
export async function startModel(): Promise<Model> {
  const asked: Asked[] = []
  const model = { answer: (one: Asked): Answer => textOf(one) }
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const one = readAsked(await readBody(request), asked)
    asked.push(one)
    const answer = model.answer(one)
    if (answer === 'refuse' || answer === 'busy') {
      response.writeHead(answer === 'busy' ? 429 : 400, { 'content-type': 'application/json', 'retry-after-ms': '50' })
      return void response.end(JSON.stringify({ error: { message: 'The model does not want to.', code: 'no' } }))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (delta: object, reason: string | null): void => {
      const chunk = { id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }] }
      response.write(`data: ${JSON.stringify(chunk)}\n\n`)
    }
    for await (const content of answer) {
      if (response.destroyed) return
      send({ content }, null)
    }
    send({}, 'stop')
    response.end('data: [DONE]\n\n')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(model, {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

/** Phrases that occur only in the instructions of each. */
const whats: readonly (readonly [string, Asked['what']])[] = [
  ['quiz questions', 'QUESTIONS'],
  ['take part in a conversation', 'REPLY'],
  ['web projects', 'PROJECT'],
]

function readAsked(body: string, before: readonly Asked[]): Asked {
  const { messages } = JSON.parse(body) as { messages: { role: string; content: string }[] }
  const system = messages.find(({ role }) => role === 'system')?.content ?? ''
  const what = whats.find(([words]) => system.includes(words))?.[1] ?? 'CONTENT'
  const prompt = messages.findLast(({ role }) => role === 'user')?.content ?? ''
  const title = /^(?:Concept|Question): (.*)$/m.exec(prompt)?.[1] ?? ''
  const piece = prompt.includes('Write a quiz') ? 'QUIZ' : prompt.includes('List resources') ? 'RESOURCES' : 'TUTORIAL'
  const source = /<source>\n([\s\S]*)\n<\/source>/.exec(prompt)?.[1] ?? ''
  return {
    what,
    title,
    piece,
    source,
    times: before.filter((one) => one.title === title && one.piece === piece).length,
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const part of request.setEncoding('utf8')) body += part
  return body
}
