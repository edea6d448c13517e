/** The job of a roadmap's outline: executed by generation processes only. */
import type { DocumentStructure } from '../documents/structure/structure.ts'
import { type Outline, outlineRoadmap } from './outline.ts'

/** Outlines the roadmap of a document; yields the outline. */
export async function* outline(structure: DocumentStructure): AsyncGenerator<Outline, void, void> {
  yield outlineRoadmap(structure)
}
