import "@/i18n";

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

configure({ asyncUtilTimeout: 60_000 }); // what a test waits for comes, however busy the machine is; this ends one that waits in vain
afterEach(cleanup);

const nothing = () => {};

// What Mantine asks of a browser and happy-dom does not have.
Object.defineProperty(globalThis, "matchMedia", {
  configurable: true, // each file of a worker asks anew
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
