/**
 * Prints nginx's configuration for given servers:
 * `node deploy/nginx/render.ts --run-dir /run/tidings 10.0.0.1:4000 10.0.0.2:4000 > nginx.conf`.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

/** The variables of the template. */
export interface NginxSettings {
  /** Addresses of the servers: `10.0.0.1:4000`. At least one. */
  readonly servers: readonly string[]
  /** The addresses of the preview servers; default: the port after each server's. */
  readonly previewServers?: readonly string[]
  /**
   * `MAX_SOCKETS_PER_ADDRESS` of the servers: nginx allows a client twice as many connections for each
   * server.
   * @default 200
   */
  readonly maxSocketsPerAddress?: number
  /** The address to listen on, as in nginx's `listen`: a port, `address:port`, `443 ssl`. */
  readonly listen: string
  /** The same for previews. */
  readonly previewListen: string
  /** An existing directory for all files that nginx writes. */
  readonly runDir: string
  /**
   * The destination of the request log, as in nginx's `access_log`: a file, or `syslog:server=…`.
   * Use `/dev/stdout` only where it is not a socket: in a container it is a pipe, in a systemd
   * service a socket.
   *
   * @default `access.log` in the run directory
   */
  readonly accessLog?: string
}

const template = new URL('./nginx.conf.template', import.meta.url)

/**
 * Renders the template.
 * @throws Error when an address, the access log or the number of sockets is invalid, or the template
 * has an unknown variable
 */
export async function renderNginx(settings: NginxSettings): Promise<string> {
  const { servers, listen, previewListen, runDir, maxSocketsPerAddress = 200 } = settings
  const accessLog = settings.accessLog ?? `${runDir}/access.log`
  if (!/^[^\s;{}"'\\$]+$/.test(accessLog))
    throw new Error(`"${accessLog}" is not a file or syslog:server=… for the access log`)
  if (!Number.isInteger(maxSocketsPerAddress) || maxSocketsPerAddress < 1)
    throw new Error('The sockets per address are not a number of 1 or more, as MAX_SOCKETS_PER_ADDRESS')
  const previewServers = settings.previewServers ?? servers.map(nextPort)
  const values: Readonly<Record<string, string>> = {
    SERVERS: describe(servers),
    PREVIEW_SERVERS: describe(previewServers),
    LISTEN: withHttp2(listen),
    PREVIEW_LISTEN: previewListen,
    RUN_DIR: runDir,
    ACCESS_LOG: accessLog,
    MAX_CLIENT_CONNECTIONS: String(maxSocketsPerAddress * servers.length * 2),
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
 * After one failure nginx skips a server for two seconds. Each server is listed a second time as
 * its own backup, which is never skipped: otherwise a server that is available again would not be
 * tried when the other one fails, and no server would be.
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

/**
 * Enables HTTP/2 where TLS is used, because browsers require TLS for it. All versions of nginx
 * support the parameter.
 */
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
      'max-sockets-per-address': { type: 'string' },
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
        ...(values['max-sockets-per-address'] === undefined
          ? {}
          : { maxSocketsPerAddress: Number(values['max-sockets-per-address']) }),
      }),
    )
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
