import type { components } from "./schema";

type Schemas = components["schemas"];

export type Product = Schemas["Product"];
export type Version = Schemas["Version"];
export type Policy = Schemas["Policy"];
export type PolicyInput = Schemas["PolicyInput"];
export type License = Schemas["License"];
export type CreateLicenseInput = Schemas["CreateLicenseInput"];
export type UpdateLicenseInput = Schemas["UpdateLicenseInput"];
export type Overrides = Schemas["Overrides"];
export type Entitlement = Schemas["Entitlement"];
export type Activation = Schemas["Activation"];
export type Evidence = Schemas["Evidence"];
export type Reservation = Schemas["Reservation"];
export type Session = Schemas["Session"];
export type Problem = Schemas["Problem"];

export type PolicyType = Policy["type"];
export type Trigger = Policy["trigger"];
export type CloneAction = Policy["clone_action"];
export type Metadata = Record<string, string>;

/** One page of a list. */
export interface Page<T> {
  items: T[] | null;
  next?: string;
}
