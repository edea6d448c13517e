/**
 * Prints nginx's configuration for given servers:
 * `node deploy/nginx/render.ts --run-dir /run/tidings 10.0.0.1:4000 10.0.0.2:4000 > nginx.conf`.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

/** What is filled in. */
export interface NginxSettings {
  /** Addresses of the servers: `10.0.0.1:4000`. At least one. */
  readonly servers: readonly string[]
  /** Where they serve previews; default: the port after each server's. */
  readonly previewServers?: readonly string[]
  /** What to listen on, as in nginx's `listen`: a port, `address:port`, `443 ssl`. */
  readonly listen: string
  /** The same for previews. */
  readonly previewListen: string
  /** A directory that exists, for all that nginx writes. */
  readonly runDir: string
  /**
   * Where each request is logged, as in nginx's `access_log`: a file, or `syslog:server=…`. `/dev/stdout` only where that is not a
   * socket: a container's is a pipe, a systemd service's a socket.
   *
   * @default `access.log` in the run directory
   */
  readonly accessLog?: string
}

const template = new URL('./nginx.conf.template', import.meta.url)

/** Fills in the template. @throws Error when an address or the access log is not one, or the template has a variable that is not known */
export async function renderNginx(settings: NginxSettings): Promise<string> {
  const { servers, listen, previewListen, runDir } = settings
  const accessLog = settings.accessLog ?? `${runDir}/access.log`
  if (!/^[^\s;{}"'\\$]+$/.test(accessLog))
    throw new Error(`"${accessLog}" is not a file or syslog:server=… for the access log`)
  const previewServers = settings.previewServers ?? servers.map(nextPort)
  const values: Readonly<Record<string, string>> = {
    SERVERS: describe(servers),
    PREVIEW_SERVERS: describe(previewServers),
    LISTEN: withHttp2(listen),
    PREVIEW_LISTEN: previewListen,
    RUN_DIR: runDir,
    ACCESS_LOG: accessLog,
  }
  const text = await readFile(template, 'utf8')
  return text.replaceAll(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`The template has \${${name}}, which nobody fills in`)
    return value
  })
}

const address = /^([\w.-]+|\[[\da-fA-F:]+\]):(\d{1,5})$/

/**
 * After one failure a server is left alone for two seconds. Each is listed a second time as its own replacement, which is
 * never left alone: otherwise one that is back already would not be asked when the other one goes, and nobody would be.
 */
function describe(servers: readonly string[]): string {
  if (servers.length === 0) throw new Error('Name at least one server: 127.0.0.1:4000')
  const wrong = servers.find((server) => !address.test(server))
  if (wrong !== undefined) throw new Error(`"${wrong}" is not the address of a server, such as 127.0.0.1:4000`)
  return [
    ...servers.map((server) => `server ${server} max_fails=1 fail_timeout=2s;`),
    ...servers.map((server) => `server ${server} max_fails=0 backup;`),
  ].join('\n    ')
}

/** Turns HTTP/2 on where there is TLS, which browsers require for it. The parameter is what all versions of nginx understand. */
function withHttp2(listen: string): string {
  const parameters = listen.split(/\s+/)
  return parameters.includes('ssl') && !parameters.includes('http2') ? `${listen} http2` : listen
}

function nextPort(server: string): string {
  return server.replace(/\d+$/, (port) => String(Number(port) + 1))
}

if (import.meta.main || process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      listen: { type: 'string', default: '80' },
      'preview-listen': { type: 'string', default: '81' },
      'run-dir': { type: 'string', default: '/run' },
      'access-log': { type: 'string' },
    },
  })
  try {
    process.stdout.write(
      await renderNginx({
        servers: positionals,
        listen: values.listen,
        previewListen: values['preview-listen'],
        runDir: values['run-dir'],
        ...(values['access-log'] === undefined ? {} : { accessLog: values['access-log'] }),
      }),
    )
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
