/** Inputs that take an `idempotencyKey`. */
export const keyedInputs: readonly string[] = ["ImportDocumentInput","NotifyInput","RetryContentInput","SubmitQuizInput"]

/** Mutations that take an `idempotencyKey` as an argument of their own. */
export const keyedMutations: readonly string[] = ["createRoadmap","generateProject","generateQuiz","replaceQuestion","retryFailedContent","retryTask","syncProject"]
