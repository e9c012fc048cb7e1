/** Asks again and again until it works, and gives what came of it. */
export async function until(what, ask, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw new Error(`waited ${patience / 1000} s until ${what}: ${error.message}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
