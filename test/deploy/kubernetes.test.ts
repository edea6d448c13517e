import { execFile } from 'node:child_process'
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { parseStudioConfig, studioSettings } from '../../src/studio/config.ts'
import { startCluster } from '../chaos/servers.ts'
import { createTestDirectory } from '../support/directory.ts'

/** The fields of the manifests that are checked here. */
interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Labels }
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
  readonly resources?: readonly string[]
  readonly images?: readonly { readonly name: string }[]
  readonly spec: {
    readonly selector: Labels & { readonly matchLabels: Labels }
    readonly replicas: number
    readonly strategy: { readonly rollingUpdate: object }
    readonly maxUnavailable: number
    readonly podSelector: { readonly matchLabels: Labels }
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod }
    readonly ports: readonly { readonly name: string; readonly targetPort: string }[]
    readonly rules: readonly { readonly http: { readonly paths: readonly { readonly backend: Backend }[] } }[]
  }
}
type Labels = Readonly<Record<string, string>>
interface Backend {
  readonly service: { readonly name: string; readonly port: { readonly name: string } }
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly containers: readonly {
    readonly image: string
    readonly command?: readonly string[]
    readonly env: readonly { readonly name: string; readonly value: string }[]
    readonly envFrom: readonly Readonly<Record<string, { readonly name: string }>>[]
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
    readonly startupProbe: Probe
    readonly readinessProbe: Probe
    readonly livenessProbe: Probe
    readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
  }[]
}

const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))
const directory = new URL('../../deploy/kubernetes/', import.meta.url)
const files = (await readdir(directory)).sort()
const byFile = new Map(
  await Promise.all(
    files.map(async (file) => {
      const documents = parseAllDocuments(await readFile(new URL(file, directory), 'utf8'))
      if ('empty' in documents) throw new Error(`${file} is empty`)
      expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
      return [file, documents.map((document) => document.toJS() as Manifest)] as const
    }),
  ),
)
const manifests = [...byFile.values()].flat()
const all = (kind: string): readonly Manifest[] => manifests.filter((manifest) => manifest.kind === kind)
const one = (kind: string, name = 'tidings'): Manifest => {
  const manifest = all(kind).find(({ metadata }) => metadata.name === name)
  if (manifest === undefined) throw new Error(`There is no ${kind} "${name}"`)
  return manifest
}
const containerOf = (role: string) => {
  const pod = one('Deployment', `tidings-${role}`).spec.template.spec
  const [container] = pod.containers
  if (container === undefined) throw new Error('It has no container')
  return { pod, container }
}
const isSubset = (labels: Labels, of: Labels): boolean =>
  Object.entries(labels).every(([key, value]) => of[key] === value)

test('every file but the kustomization and the example of the secret is applied, each object once', () => {
  const [kustomization] = byFile.get('kustomization.yaml') ?? []
  expect([...(kustomization?.resources ?? []), 'kustomization.yaml', 'secret.example.yaml'].sort()).toEqual(files)
  const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata?.name ?? ''}`)
  expect(new Set(names).size).toBe(names.length)
  for (const { container } of ['server', 'worker'].map(containerOf))
    expect(kustomization?.images?.map(({ name }) => name)).toEqual([container.image])
})

/** Creates the model of an object, which knows the schema of its kind. */
async function createModel(manifest: object & Pick<Manifest, 'apiVersion' | 'kind'>): Promise<{ validate(): void }> {
  const module = (await import(/* @vite-ignore */ `kubernetes-models/${manifest.apiVersion}`)) as Record<
    string,
    new (
      object: object,
    ) => { validate(): void }
  >
  const Model = module[manifest.kind]
  if (Model === undefined) throw new Error(`${manifest.apiVersion} has no ${manifest.kind}`)
  return new Model(manifest)
}

test('every object conforms to the schema of Kubernetes', async () => {
  for (const manifest of manifests.filter(({ kind }) => kind !== 'Kustomization')) {
    const model = await createModel(manifest)
    // A model has the version and the kind that its schema is for.
    expect(model).toMatchObject({ apiVersion: manifest.apiVersion, kind: manifest.kind })
    expect(() => model.validate(), `${manifest.kind} ${manifest.metadata.name}`).not.toThrow()
  }
  // The schemas find what has a wrong type.
  const wrong = await createModel({ ...one('Deployment', 'tidings-server'), spec: { replicas: '2' } } as never)
  expect(() => wrong.validate()).toThrow()
})

test('no field is misspelled', async () => {
  // The schemas allow fields that they do not know; the types of the same package do not.
  await using directory = await createTestDirectory()
  await symlink(new URL('../../node_modules', import.meta.url), directory.join('node_modules'))
  const check = async (objects: readonly Manifest[]): Promise<string> => {
    const lines = objects.map(
      ({ apiVersion, kind, ...rest }, index) =>
        `export const o${index}: import('kubernetes-models/${apiVersion}').I${kind} = ${JSON.stringify({ apiVersion, kind, ...rest })}`,
    )
    await writeFile(directory.join('manifests.mts'), lines.join('\n'))
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'esnext']
    return promisify(execFile)(tsc, [...options, 'manifests.mts'], { cwd: directory.path }).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { readonly stdout: string }).stdout,
    )
  }
  const objects = manifests.filter(({ kind }) => kind !== 'Kustomization')
  expect(await check(objects)).toBe('')
  const text = JSON.stringify(one('Deployment', 'tidings-server')).replace('"httpGet"', '"httpget"')
  expect(await check([JSON.parse(text) as Manifest])).toContain('httpget')
})

test('servers and workers answer the health checks', async () => {
  await using cluster = await startCluster(2, (node) => ({ ROLE: node === 0 ? 'server' : 'worker' }))
  for (const [node, role] of ['server', 'worker'].entries()) {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf(role).container
    for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe])
      expect(await fetch(`${cluster.nodes[node]?.url}${httpGet.path}`)).toMatchObject({ status: 200 })
  }
})

test('a disruption budget and a rolling update keep a process of each kind running', () => {
  for (const { metadata, spec } of all('Deployment')) {
    const { replicas, strategy } = spec
    expect(strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
    const budget = one('PodDisruptionBudget', metadata.name).spec
    expect(budget.selector).toEqual(spec.selector)
    expect(replicas - budget.maxUnavailable).toBeGreaterThan(0)
  }
})

test.each(['server', 'worker'])('the settings of the %s exist and are accepted in production', (role) => {
  const { container } = containerOf(role)
  expect(container.envFrom).toEqual([{ configMapRef: { name: 'tidings' } }, { secretRef: { name: 'tidings' } }])
  const values = {
    ...one('ConfigMap').data,
    ...one('Secret').stringData,
    ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  }
  for (const name of Object.keys(values)) expect(studioSettings).toHaveProperty(name)
  // Secrets are in the Secret, and nothing else is.
  const secrets = Object.entries(studioSettings).filter(([, { secret }]) => secret)
  const names = new Set(secrets.map(([name]) => name))
  expect(Object.keys(one('Secret').stringData ?? {}).filter((name) => !names.has(name))).toEqual([])
  expect(
    [...Object.keys(one('ConfigMap').data ?? {}), ...container.env.map(({ name }) => name)].filter((name) =>
      names.has(name),
    ),
  ).toEqual([])
  const config = parseStudioConfig({ ...values, NODE_ENV: 'production', HOST: '0.0.0.0', PORT: '4000' })
  expect(config).toMatchObject({ ROLE: role, METRICS: 'direct', TRUST_PROXY: true })
  expect(container.command).toEqual(role === 'worker' ? ['node', 'src/worker.ts'] : undefined)
  // The image sets PORT, and previews are on the next one.
  expect(container.ports.map(({ containerPort }) => containerPort)).toEqual(role === 'server' ? [4000, 4001] : [4000])
})

test.each(['server', 'worker'])(
  'a %s has time to hand over its clients and tasks, and the health checks it needs',
  (role) => {
    const { pod, container } = containerOf(role)
    const [, seconds = '0'] = container.lifecycle?.preStop.exec.command ?? []
    const drainSeconds = Number(one('ConfigMap').data?.['DRAIN_MS']) / 1_000
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + drainSeconds + 2)
    const { startupProbe, readinessProbe, livenessProbe } = container
    expect([startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
      '/health/live',
      '/health/ready',
      '/health/live',
    ])
    for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe])
      expect(container.ports.map(({ name }) => name)).toContain(httpGet.port)
  },
)

test('selectors, services and the ingress refer to pods and ports that exist', () => {
  const pods = all('Deployment').map(({ spec }) => spec.template)
  for (const { spec } of all('Deployment'))
    expect(isSubset(spec.selector.matchLabels, spec.template.metadata.labels)).toBe(true)
  for (const { spec, metadata } of [...all('PodDisruptionBudget'), ...all('NetworkPolicy')]) {
    const labels = spec.podSelector?.matchLabels ?? spec.selector.matchLabels
    expect(
      pods.some((template) => isSubset(labels, template.metadata.labels)),
      metadata.name,
    ).toBe(true)
  }
  expect(all('PodDisruptionBudget')).toHaveLength(pods.length)
  for (const { spec } of all('Service')) {
    const [template, ...others] = pods.filter(({ metadata }) => isSubset(spec.selector, metadata.labels))
    expect(others).toEqual([])
    const ports = template?.spec.containers.flatMap((container) => container.ports.map(({ name }) => name))
    for (const { targetPort } of spec.ports) expect(ports).toContain(targetPort)
  }
  const backends = all('Ingress').flatMap(({ spec }) =>
    spec.rules.flatMap(({ http }) => http.paths.map(({ backend }) => backend)),
  )
  expect(backends.map(({ service }) => service.port.name)).toEqual(['http', 'previews'])
  for (const { service } of backends)
    expect(one('Service', service.name).spec.ports.map(({ name }) => name)).toContain(service.port.name)
})
