import {
  type DocumentInput,
  type DocumentStructure,
  readInSteps,
} from '../../src/studio/documents/structure/structure.ts'

/** Reads a document in one go. */
export function readStructure(input: DocumentInput): DocumentStructure {
  const steps = readInSteps(input)
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}
