import "@/i18n";

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

configure({ asyncUtilTimeout: 10_000 }); // pages are loaded when they are first wanted, and the machine may be busy
afterEach(cleanup);

const nothing = () => {};

// What Mantine asks of a browser and happy-dom does not have.
Object.defineProperty(globalThis, "matchMedia", {
  writable: true,
  value: (query: string) => ({ matches: false, media: query, onchange: null, addEventListener: nothing, removeEventListener: nothing, addListener: nothing, removeListener: nothing, dispatchEvent: nothing }),
});

Object.defineProperty(document, "fonts", { value: new EventTarget() });
