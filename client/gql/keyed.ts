/** Arguments of mutations whose input takes an `idempotencyKey`. */
export const keyedInputs: readonly string[] = ["importDocument.input","notify.input","retryContent.input","startSelfTest.input","submitQuiz.input"]

/** Mutations that take an `idempotencyKey` as an argument of their own. */
export const keyedMutations: readonly string[] = ["createRoadmap","generateProject","generateQuiz","replaceQuestion","retryFailedContent","retryTask","syncProject"]

/** Mutations that require a `clientId`, by which the server recognises a repetition. */
export const identifiedMutations: readonly string[] = ["addContextCard","createSession","sendMessage"]
