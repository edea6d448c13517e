// biome-ignore-all assist: generated
// biome-ignore-all lint: generated
// biome-ignore-all format: generated
/* eslint-disable */
export * from "./gql.ts";