import {
  type DocumentNode,
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getArgumentValues,
  getOperationAST,
  getVariableValues,
  Kind,
  OperationTypeNode,
  print,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { collectFields } from './collect.ts'
import { type CompiledExecution, compileExecution } from './compile.ts'
import { type Dependence, type OwnableField, readDependence, readTopicField, type TopicField } from './topic-field.ts'

/**
 * The execution of the events of a group. Shared by all topics as long as nothing below the root
 * field differs.
 */
interface Plan {
  readonly number: number
  readonly document: DocumentNode
  readonly operationName: string | undefined
  readonly execute: CompiledExecution
}

/** A parsed subscription to a topic. */
export interface TopicOperation {
  readonly plan: Plan
  readonly field: TopicField<unknown>
  readonly node: FieldNode
  readonly args: Readonly<Record<string, unknown>>
  readonly variableValues: Readonly<Record<string, unknown>>
  /** Whether its events may be executed for all subscribers with the same key: no field depends on the viewer. */
  readonly isShared: boolean
  /**
   * Identifies the payloads: operations with the same key receive the same payloads for the same
   * topic.
   */
  readonly key: string
}

/** Parses operations. */
interface Plans {
  /**
   * Parses an operation.
   *
   * @param isLimited - whether the viewer's token is scoped
   * @returns null if the operation is not a subscription to a topic; errors if its variables are
   * invalid
   */
  read(args: ExecutionArgs, isLimited: boolean): TopicOperation | readonly GraphQLError[] | null
}

const maxPlans = 1_000

interface Shape {
  readonly text: string
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  /** The variables used anywhere except in the arguments of the root field. */
  readonly inner: readonly string[]
}

/**
 * Creates the parser of operations on a schema. Caches the most recent plans.
 *
 * @param isOwnField - whether a field depends on the viewer only if it declares so; any other one always does. By default all are own
 */
export function createPlans(schema: GraphQLSchema, isOwnField: (field: OwnableField) => boolean = () => true): Plans {
  const dependsOnViewer = createDependences(schema, isOwnField)
  const shapes = new WeakMap<DocumentNode, Shape>()
  const plans = new Map<string, Plan>()
  let planCount = 0

  const shapeOf = (document: DocumentNode): Shape => {
    const existing = shapes.get(document)
    if (existing !== undefined) return existing
    const shape = readShape(document)
    shapes.set(document, shape)
    return shape
  }

  return {
    read(args, isLimited) {
      const { document, operationName, variableValues } = args
      const operation = getOperationAST(document, operationName)
      const root = schema.getSubscriptionType()
      if (operation?.operation !== OperationTypeNode.SUBSCRIPTION || !root) return null
      const coercedVariables = getVariableValues(schema, operation.variableDefinitions ?? [], { ...variableValues })
      if (coercedVariables.errors !== undefined) return coercedVariables.errors
      const variables = coercedVariables.coerced
      const shape = shapeOf(document)
      const selecting = { schema, fragments: shape.fragments, variables }
      const [fields, ...otherFields] = collectFields(selecting, root, [operation.selectionSet]).values()
      const [node] = fields ?? []
      const definition = node === undefined ? undefined : root.getFields()[node.name.value]
      if (node === undefined || definition === undefined || otherFields.length > 0) return null
      const field = readTopicField(definition)
      if (field === null) return null
      let fieldArgs: Record<string, unknown>
      try {
        fieldArgs = getArgumentValues(definition, node, variables)
      } catch (error) {
        return [error instanceof GraphQLError ? error : new GraphQLError(String(error))]
      }
      const inner = shape.inner.map((name) => variables[name])
      const planKey = `${JSON.stringify([operationName ?? null, inner])}${shape.text}`
      let plan = plans.get(planKey)
      if (plan === undefined) {
        plan = {
          number: ++planCount,
          document,
          operationName: operationName ?? undefined,
          execute: compileWhenUsed(() => compileExecution(selecting, operation, root)),
        }
        plans.set(planKey, plan)
        const [oldest] = plans.size > maxPlans ? plans.keys() : []
        if (oldest !== undefined) plans.delete(oldest)
      }
      const subject = Object.entries(fieldArgs).filter(([name]) => !field.startingArguments.includes(name))
      subject.sort(([a], [b]) => (a < b ? -1 : 1))
      return {
        plan,
        field,
        node,
        args: fieldArgs,
        variableValues: { ...variableValues },
        isShared: !dependsOnViewer(document, isLimited),
        key: `${plan.number}${JSON.stringify(subject)}`,
      }
    },
  }
}

/** Compiles at the first execution: the plan of an operation that depends on the viewer is never executed. */
function compileWhenUsed(compile: () => CompiledExecution): CompiledExecution {
  let execution: CompiledExecution | undefined
  return (rootValue, context) => {
    execution ??= compile()
    return execution(rootValue, context)
  }
}

function readShape(document: DocumentNode): Shape {
  const fragments: Record<string, FragmentDefinitionNode> = {}
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  const inner = new Set<string>()
  let depth = 0
  let isInRootArgument = false
  visit(document, {
    [Kind.SELECTION_SET]: { enter: () => void depth++, leave: () => void depth-- },
    [Kind.FRAGMENT_DEFINITION]: { enter: () => void depth++, leave: () => void depth-- },
    [Kind.ARGUMENT]: {
      enter(_node, _key, _parent, _path, ancestors) {
        const owner = ancestors.findLast((ancestor) => !Array.isArray(ancestor)) as
          | { readonly kind?: string }
          | undefined
        isInRootArgument = depth === 1 && owner?.kind === Kind.FIELD
      },
      leave() {
        isInRootArgument = false
      },
    },
    [Kind.VARIABLE_DEFINITION]: () => false,
    [Kind.VARIABLE]: ({ name }) => {
      if (!isInRootArgument) inner.add(name.value)
    },
  })
  return { text: print(document), fragments, inner: [...inner].sort() }
}

/**
 * Creates a function that returns whether a document selects, at any depth, a viewer-dependent
 * field. Results are cached per document.
 */
function createDependences(
  schema: GraphQLSchema,
  isOwnField: (field: OwnableField) => boolean,
): (document: DocumentNode, isLimited: boolean) => boolean {
  const cache = new WeakMap<DocumentNode, ReadonlySet<Dependence>>()

  const read = (document: DocumentNode): ReadonlySet<Dependence> => {
    const dependences = new Set<Dependence>()
    const types = new TypeInfo(schema)
    visit(
      document,
      visitWithTypeInfo(types, {
        [Kind.FIELD]: () => {
          const field = types.getFieldDef()
          if (!field || field.name.startsWith('__')) return
          const dependence = isOwnField(field) ? readDependence(field) : 'viewer'
          if (dependence !== null) dependences.add(dependence)
        },
      }),
    )
    return dependences
  }

  return (document, isLimited) => {
    const dependences = cache.get(document) ?? read(document)
    cache.set(document, dependences)
    return dependences.has('viewer') || (isLimited && dependences.has('limits'))
  }
}

/** Whether an operation is a subscription to a topic, by the field that it selects. */
export function followsTopic(
  schema: GraphQLSchema,
  { document, operationName }: Pick<ExecutionArgs, 'document' | 'operationName'>,
): boolean {
  const operation = getOperationAST(document, operationName)
  const fields = schema.getSubscriptionType()?.getFields()
  if (operation?.operation !== OperationTypeNode.SUBSCRIPTION || fields === undefined) return false
  const visitedFragmentNames = new Set<string>()
  const selectsTopic = ({ selections }: SelectionSetNode): boolean =>
    selections.some((selection) => {
      if (selection.kind === Kind.INLINE_FRAGMENT) return selectsTopic(selection.selectionSet)
      const { value: name } = selection.name
      if (selection.kind === Kind.FIELD) return name in fields && readTopicField(fields[name] as never) !== null
      if (visitedFragmentNames.has(name)) return false
      visitedFragmentNames.add(name)
      const fragment = document.definitions.find(
        (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
      ) as FragmentDefinitionNode | undefined
      return fragment !== undefined && selectsTopic(fragment.selectionSet)
    })
  return selectsTopic(operation.selectionSet)
}
