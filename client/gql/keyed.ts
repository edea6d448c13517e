/** Arguments of mutations whose input takes an `idempotencyKey`. */
export const keyedInputs: readonly string[] = ["createRoadmap.input","generateProject.input","generateQuiz.input","importDocument.input","notify.input","replaceQuestion.input","retryContent.input","retryFailedContent.input","retryTask.input","startSelfTest.input","submitQuiz.input","syncProject.input"]

/** Mutations that require a `clientId`, by which the server recognises a repetition. */
export const identifiedMutations: readonly string[] = ["addContextCard","createSession","sendMessage"]
