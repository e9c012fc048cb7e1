// Compares the implementation with src/*.d.ts: compiling fails when a declared export or member is missing or has another type, and when
// an export of the implementation is not declared. implementation.json first derives the types of the implementation into
// types/implementation.

import type * as browserSource from "./implementation/index.js";
import type * as nodeSource from "./implementation/node.js";
import type * as browserDeclared from "../src/index.js";
import type * as nodeDeclared from "../src/node.js";

/** The members of a class that programs can use, without private ones, which are never assignable. */
type Members<T> = { [K in keyof T]: T[K] };

/** The exports of a package. Classes are compared by their instance members and their static members. */
type Shape<T> = {
  [K in keyof T]: T[K] extends { prototype: infer P } ? { instance: Members<P>; statics: Members<Omit<T[K], "prototype">> } : T[K];
};

/** Compiles only if Source can be used wherever Declared is expected. */
type Implements<Declared, Source extends Declared> = Source;

/** Names exported by Source that Declared does not have, except `platform`, which only the tests of this package use. */
type Undeclared<Declared, Source> = Exclude<keyof Source, keyof Declared | "platform">;

/** Compiles only for an empty set of names. */
type None<Names extends never> = Names;

export type Checks = [
  Implements<Shape<typeof browserDeclared>, Shape<typeof browserSource>>,
  Implements<Shape<typeof nodeDeclared>, Shape<typeof nodeSource>>,
  None<Undeclared<typeof browserDeclared, typeof browserSource>>,
  None<Undeclared<typeof nodeDeclared, typeof nodeSource>>,
];
