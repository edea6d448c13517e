import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseStudioConfig, studioSettings } from '../../src/studio/config.ts'
import { expectNginx, readCompose } from './compose-file.ts'

const { services, service, fillIn, read } = await readCompose('compose.yaml')

test('there are two servers, a worker, PostgreSQL, Redis, nginx and Prometheus, and every dependency exists', () => {
  const names = ['server-1', 'server-2', 'worker', 'nginx', 'postgres', 'redis', 'prometheus']
  expect(Object.keys(services)).toEqual(names)
  for (const one of Object.values(services)) {
    const awaited = Array.isArray(one.depends_on) ? one.depends_on : Object.keys(one.depends_on ?? {})
    for (const name of awaited as string[]) expect(services).toHaveProperty(name)
  }
  for (const name of ['postgres', 'redis']) expect(service(name)).toHaveProperty('healthcheck')
})

test.each(['server-1', 'server-2', 'worker'])('the settings of %s exist and are accepted in production', (name) => {
  const { environment, build, command } = service(name)
  for (const key of Object.keys(environment)) expect(studioSettings).toHaveProperty(key)
  const values = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, fillIn(value)]))
  // Set by the image.
  const config = parseStudioConfig({ ...values, NODE_ENV: 'production', HOST: '0.0.0.0', PORT: '4000' })
  expect(config.ROLE).toBe(name === 'worker' ? 'worker' : 'server')
  expect(config.DATABASE_URL).toContain('@postgres:5432/')
  expect(config.REDIS_URL).toBe('redis://tidings:the-REDIS_PASSWORD-that-somebody-has-made-up-for-it@redis:6379')
  expect(build).toEqual({ context: '..', dockerfile: 'deploy/Dockerfile' })
  expect(command).toEqual(name === 'worker' ? ['node', 'src/worker.ts'] : undefined)
})

test('nginx gets the tested configuration with the addresses of the servers', async () => {
  expect(service('nginx').volumes).toEqual(['./nginx/nginx.conf.template:/etc/nginx/templates/nginx.conf.template:ro'])
  await expectNginx({ service, read }, ['server-1', 'server-2'])
})

test('the builder receives exactly the files that the image copies', async () => {
  const copied = (await read('./Dockerfile'))
    .split('\n')
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
    .flatMap((line) => line.split(' ').slice(1, -1))
    .map((path) => path.split('/')[0])
  const ignore = (await read('../.dockerignore')).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(ignore[0]).toBe('*')
  expect(ignore.slice(1).toSorted()).toEqual([...new Set(copied)].map((name) => `!${name}`).toSorted())
})

test('Prometheus scrapes every server and worker, which permit it', async () => {
  const { scrape_configs: configs } = parse(await read('./prometheus.yml')) as {
    readonly scrape_configs: readonly { readonly dns_sd_configs: readonly { names: string[]; port: number }[] }[]
  }
  const names = ['server-1', 'server-2', 'worker']
  expect(configs[0]?.dns_sd_configs).toEqual([{ names, type: 'A', port: 4000 }])
  for (const name of names) expect(service(name).environment['METRICS'], name).toBe('all')
  // A worker serves its metrics only with a port, which the image sets.
  expect(await read('./Dockerfile')).toMatch(/^ENV .*\bPORT=4000/m)
  expect(await read('./nginx/nginx.conf.template')).toMatch(/location = \/metrics \{\s*return 404/)
  for (const path of service('prometheus').volumes ?? []) await read(path.split(':')[0] ?? '')
})
