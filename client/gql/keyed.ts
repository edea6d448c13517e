/** Inputs that take an `idempotencyKey`. */
export const keyedInputs: readonly string[] = ["ImportDocumentInput","RetryContentInput"]

/** Mutations that take an `idempotencyKey` as an argument of their own. */
export const keyedMutations: readonly string[] = ["createRoadmap","retryFailedContent","retryTask"]
