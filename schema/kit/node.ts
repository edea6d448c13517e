import type DataLoader from 'dataloader'
import { findOwn, findVisibleTask } from './access.ts'
import { type Builder, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import type { Loaders } from './loaders.ts'
import { type TaskSource, taskSource } from './task-ref.ts'

/**
 * The sources of the types that implement `Node`, by the prefix of their ids. Applications add
 * theirs by declaration merging and `registerNode`.
 */
export interface NodeSources {
  readonly task: TaskSource
}

/** An object with a global id. */
type NodeSource = NodeSources[keyof NodeSources]

/** A type that implements `Node`. */
export interface NodeType<P extends keyof NodeSources> {
  /** The name of the type. */
  readonly name: string
  /** The property of the source that has the id; without it, the source itself. */
  readonly part?: keyof NodeSources[P] & string
  /** Finds an object that the viewer may see; null when there is none. */
  readonly find: (context: Context, id: string) => Promise<NodeSources[P] | null>
  /**
   * Reads an object independent of access; null when it does not exist. Without it, no object of
   * this type is known to exist.
   */
  readonly load?: (loaders: Loaders, id: string) => Promise<unknown>
}

/**
 * Adds the interface `Node` and the field `Query.node`.
 * @returns the interface, and the functions that register and find the types that implement it
 */
export function addNodes(builder: Builder) {
  const nodeTypes = new Map<string, NodeType<never>>()

  /** Adds a type that implements `Node`. @param prefix - the prefix of its ids, without `_` */
  function registerNode<P extends keyof NodeSources>(prefix: P, type: NodeType<P>): void {
    nodeTypes.set(prefix, type as unknown as NodeType<never>)
  }

  /** Adds a type whose objects are visible to their owners only. */
  function registerOwnNode<P extends keyof NodeSources>(
    prefix: P,
    name: string,
    loaderOf: (loaders: Loaders) => DataLoader<string, (NodeSources[P] & { readonly owner: string }) | null>,
  ): void {
    registerNode(prefix, {
      name,
      find: (context, id) => findOwn(context, loaderOf(context.loaders), id),
      load: (loaders, id) => loaderOf(loaders).load(id),
    })
  }

  registerNode('task', {
    name: 'Task',
    part: 'task',
    find: async (context, id) => taskSource(await findVisibleTask(context, id)),
    load: (loaders, id) => loaders.task.load(id),
  })

  function idOf(source: NodeSource): string {
    const record = source as unknown as Readonly<Record<string, { readonly id: string }>>
    for (const { part } of nodeTypes.values()) if (part !== undefined && part in record) return record[part]?.id ?? ''
    return (source as unknown as { readonly id: string }).id
  }

  const typeOf = (id: string): NodeType<never> | undefined => nodeTypes.get(id.slice(0, Math.max(0, id.indexOf('_'))))

  /** `Node` of the Relay object identification specification. */
  const node = builder.interfaceRef<NodeSource>('Node').implement({
    description: 'An object with an id that is unique over all types; `node` finds it by its id.',
    resolveType: (source) => typeOf(idOf(source))?.name ?? null,
    fields: (t) => ({ id: t.id({ description: 'Unique over all types; the prefix names the type.', resolve: idOf }) }),
  })

  /** Finds an object that the viewer may see by its id; null when there is none. */
  async function findNode(context: Context, id: string): Promise<NodeSource | null> {
    const type = typeOf(id)
    if (type !== undefined) return type.find(context, id)
    requireViewer(context)
    return null
  }

  /** Whether an id belongs to an existing object, independent of access. */
  async function nodeExists({ loaders }: Pick<Context, 'loaders'>, id: string): Promise<boolean> {
    const load = typeOf(id)?.load
    return load !== undefined && (await load(loaders, id)) !== null
  }

  builder.queryField('node', (t) =>
    t.field({
      type: node,
      nullable: true,
      description: 'An object that is visible to the viewer; null when there is none with this id.',
      args: { id: t.arg.id({ required: true, description: 'An id of any type.' }) },
      resolve: (_, { id }, context) => findNode(context, id),
    }),
  )

  return { node, registerNode, registerOwnNode, findNode, nodeExists }
}
