import { browser } from "./browser";
import { desktop, native } from "./desktop";
import type { Platform } from "./types";

export const platform: Platform = native ? desktop(native) : browser;
