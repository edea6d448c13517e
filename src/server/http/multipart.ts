import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import busboy, { type Busboy } from 'busboy'
import { GraphQLError } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { isJsonTooDeep, maxJsonDepth } from '../request/json-depth.ts'
import type { Spool, UploadedFile } from './spool.ts'

/** The size limits of a multipart request. */
interface MultipartLimits {
  /** The maximum size of each of `operations` and `map`. */
  readonly maxFieldBytes: number
  /** The maximum size of each file. */
  readonly maxFileBytes: number
  readonly maxFiles: number
}

/** Creates the error for a multipart request that violates the specification. */
function malformed(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_INPUT', http: { status: 400 } } })
}

/**
 * Creates the error for a request that is too large.
 * @param setting - the name of the setting that limits it
 */
export function tooLarge(problem: string, maxBytes: number, setting: string): GraphQLError {
  return new GraphQLError(`The ${problem} is too large; at most ${maxBytes} bytes are allowed (${setting})`, {
    extensions: { code: 'REQUEST_TOO_LARGE', http: { status: 413 } },
  })
}

/** Creates the error for JSON that is nested too deeply to be parsed. */
export function jsonTooDeep(problem: string): GraphQLError {
  return malformed(`The JSON of the ${problem} is nested more than ${maxJsonDepth} levels deep; that is the maximum`)
}

/** A multipart request that is being read. */
export interface MultipartReading {
  /**
   * Accepts the next bytes.
   * @returns false when the caller must wait for `whenReady` before it writes more
   */
  write(chunk: Buffer): boolean
  whenReady(callback: () => void): void
  end(): void
  /** Stops reading: discards the bytes written for files and rejects the result with this error. */
  refuse(error: Error): void
  /** The operation with its files in place; when it rejects, no files remain to be deleted. */
  readonly result: Promise<GraphQLParams>
}

/**
 * Reads a request of https://github.com/jaydenseric/graphql-multipart-request-spec as it arrives:
 * `operations`, then `map`, then the files named in `map`, which are written directly to the spool.
 * Anything else is refused at the first byte that shows it.
 *
 * @throws GraphQLError when the headers contain no boundary
 */
export function readMultipart(
  headers: IncomingMessage['headers'],
  { maxFieldBytes, maxFileBytes, maxFiles }: MultipartLimits,
  spool: Spool,
): MultipartReading {
  const parser = openParser(headers, {
    // One more than allowed, to detect a field that exceeds the limit.
    fieldSize: maxFieldBytes,
    fileSize: maxFileBytes + 1,
    fields: 4,
    files: maxFiles,
    parts: maxFiles + 3,
  })
  const ending = Promise.withResolvers<void>()
  const files = new Map<string, Promise<UploadedFile>>()
  let operations: GraphQLParams | undefined
  let map: ReadonlyMap<string, readonly string[]> | undefined
  let isRefused = false

  const refuse = (error: Error): void => {
    if (isRefused) return
    isRefused = true
    ending.reject(error)
    // Deferred: busboy continues with a file after it has reported its limit, and would find it
    // destroyed.
    setImmediate(() => parser.destroy())
  }
  const attempt = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      refuse(error as Error)
    }
  }
  parser.on('field', (name, value, { valueTruncated }) =>
    attempt(() => {
      if (valueTruncated) throw tooLarge(`field "${name}"`, maxFieldBytes, 'MAX_BODY_BYTES')
      if (name === 'operations' && operations === undefined) operations = parseOperations(value)
      else if (name === 'map' && operations !== undefined && map === undefined) map = parseMap(value, maxFiles)
      else throw misplaced(name, { operations, map })
    }),
  )
  parser.on('file', (name: string, stream: Readable, { filename, mimeType }) => {
    // A stream destroyed with the parser has no other error listener.
    stream.on('error', () => undefined)
    attempt(() => {
      if (map?.has(name) !== true || files.has(name)) throw misplaced(name, { operations, map })
      const fileName = decodeName(filename ?? name)
      stream.once('limit', () => refuse(tooLarge(`file "${fileName}"`, maxFileBytes, 'MAX_UPLOAD_BYTES')))
      const file = spool.take(stream, { name: fileName, type: mimeType })
      files.set(name, file)
      file.catch(refuse)
    })
    if (isRefused) stream.resume()
  })
  parser.on('filesLimit', () => refuse(malformed(`A request has at most ${maxFiles} files`)))
  parser.on('fieldsLimit', () => refuse(malformed('Beside its files a request has two fields, "operations" and "map"')))
  parser.on('partsLimit', () => refuse(malformed('The request has too many parts')))
  parser.on('error', (error: Error) => refuse(malformed(`The multipart request is malformed: ${error.message}`)))
  parser.on('close', () => ending.resolve())

  const finish = async (): Promise<GraphQLParams> => {
    try {
      await ending.promise
      const entries = await Promise.all([...files].map(async ([name, file]) => [name, await file] as const))
      return assemble(operations, map, new Map(entries))
    } catch (error) {
      await Promise.allSettled(files.values())
      await spool[Symbol.asyncDispose]()
      throw error
    }
  }
  return {
    write(chunk) {
      let isReady = true
      // A parser error caused by hostile bytes must not end the process.
      attempt(() => {
        isReady = isRefused || parser.write(chunk)
      })
      return isReady
    },
    whenReady(callback) {
      const ready = (): void => {
        parser.off('drain', ready).off('close', ready)
        callback()
      }
      parser.on('drain', ready).on('close', ready)
    },
    end: () => void (isRefused || parser.end()),
    refuse,
    result: finish(),
  }
}

function openParser(headers: IncomingMessage['headers'], limits: busboy.Limits): Busboy {
  try {
    return busboy({ headers, limits, defParamCharset: 'utf8' })
  } catch (error) {
    throw malformed(`The multipart request is malformed: ${(error as Error).message}`)
  }
}

function misplaced(
  name: string,
  { operations, map }: { readonly operations: unknown; readonly map: ReadonlyMap<string, unknown> | undefined },
): GraphQLError {
  const isParameterField = name === 'operations' || name === 'map'
  if (isParameterField && operations !== undefined && (name === 'operations' || map !== undefined))
    return malformed(`The field "${name}" is there twice, or a file has its name`)
  if (operations === undefined)
    return malformed(`The multipart form field "operations" must come first and be text, before "${name}"`)
  if (map === undefined) return malformed(`The multipart form field "map" must come before "${name}" and be text`)
  return malformed(
    map.has(name)
      ? `The part "${name}" must be one file: it is text, or is there twice`
      : `The file "${name}" is not in "map"`,
  )
}

function parseJson(name: string, value: string): unknown {
  if (isJsonTooDeep(Buffer.from(value))) throw jsonTooDeep(`field "${name}"`)
  try {
    return JSON.parse(value)
  } catch {
    throw malformed(`The multipart form field "${name}" must be valid JSON`)
  }
}

/**
 * Decodes the three characters that browsers escape in the names of files
 * (https://html.spec.whatwg.org/#multipart-form-data); busboy does not. Other percent signs stand
 * for themselves.
 */
function decodeName(name: string): string {
  return name.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n')
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseOperations(value: string): GraphQLParams {
  const operations = parseJson('operations', value)
  if (!isObject(operations))
    throw malformed('The multipart form field "operations" must be one operation, a JSON object with "query"')
  return operations
}

function parseMap(value: string, maxFiles: number): ReadonlyMap<string, readonly string[]> {
  const map = parseJson('map', value)
  if (!isObject(map)) throw malformed('The multipart form field "map" must be a JSON object')
  const entries = Object.entries(map).map(([name, paths]): [string, readonly string[]] => {
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string'))
      throw malformed(`The places of the file "${name}" in "map" must be a list of texts such as "variables.file"`)
    return [name, paths]
  })
  if (entries.length > maxFiles)
    throw malformed(`A request has at most ${maxFiles} files; "map" names ${entries.length}`)
  return new Map(entries)
}

function assemble(
  operations: GraphQLParams | undefined,
  map: ReadonlyMap<string, readonly string[]> | undefined,
  files: ReadonlyMap<string, UploadedFile>,
): GraphQLParams {
  if (operations === undefined) throw malformed('The multipart form field "operations" is missing')
  for (const [name, paths] of map ?? []) {
    const file = files.get(name)
    if (file === undefined) throw malformed(`The file "${name}" is in "map", and was not sent`)
    for (const path of paths) put(operations, path, file)
  }
  return operations
}

/** Puts a file at its path in a parsed JSON value; follows own properties only. */
function put(operations: object, path: string, file: UploadedFile): void {
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  const target = keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : null,
    operations,
  )
  if (keys[0] !== 'variables' || typeof target !== 'object' || target === null || last === '__proto__')
    throw malformed(`There is no place ${JSON.stringify(path)} for a file; it begins with "variables."`)
  Reflect.set(target, last, file)
}
