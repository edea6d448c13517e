import { addCoreTypes, createBuilder } from '../index.ts'

/** The builder of the Studio's schema; every file of this folder adds its types to it. */
export const builder = createBuilder()

/** The types of the engine in the Studio's schema. */
export const {
  defineConnection,
  defineResult,
  defineTaskKinds,
  defineTaskResults,
  defineTopicEvents,
  findNode,
  kindOf,
  listArguments,
  node,
  nodeExists,
  registerNode,
  registerOwnNode,
  snapshotReason,
  taskError,
  taskKind,
  taskRef,
  taskStatus,
  toResult,
} = addCoreTypes(builder)
