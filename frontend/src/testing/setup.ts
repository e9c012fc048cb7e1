import "@/i18n";

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

configure({ asyncUtilTimeout: 60_000 }); // long enough for a busy machine; it only ends a test that waits in vain
afterEach(cleanup);

const nothing = () => {};

// Browser features that Mantine needs and happy-dom lacks.
Object.defineProperty(globalThis, "matchMedia", {
  configurable: true, // every test file of a worker defines it again
  value: (query: string) => ({
    matches: false,
    media: query,
    onchange: null,
    addEventListener: nothing,
    removeEventListener: nothing,
    addListener: nothing,
    removeListener: nothing,
    dispatchEvent: nothing,
  }),
});

Object.defineProperty(document, "fonts", { configurable: true, value: new EventTarget() });
