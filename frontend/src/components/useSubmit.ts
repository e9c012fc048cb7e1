import type { UseFormReturnType } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { ApiError, codeOf } from "@/api/problem";

interface Options<V, T> {
  form: UseFormReturnType<V>;
  send: (values: V) => Promise<T>;
  done: (result: T) => void;
  /**
   * The form's path of a field that the server names; by default its own name, or the nearest part of it that the form has. Nothing: the
   * form has no such field.
   */
  place?: (field: string) => string | undefined;
}

/** Sends a form, and brings what the server finds wrong next to the fields that it names. */
export function useSubmit<V, T>({ form, send, done, place = (field) => nearest(form, field) }: Options<V, T>) {
  const sending = useMutation({ mutationFn: send, onSuccess: done, onError: (error) => show(error) });

  function show(error: unknown) {
    if (!(error instanceof ApiError)) return;
    const wrongs = [...(error.problem.errors ?? [])];
    if (codeOf(error) === "exists") wrongs.push({ field: "name", detail: error.problem.detail });
    for (const wrong of wrongs) {
      const path = place(wrong.field.replaceAll(/\[(\d+)\]/g, ".$1"));
      if (path) form.setFieldError(path, wrong.detail);
    }
  }

  /** The first field that is wrong, in the order of the page, gets the focus. */
  const refuse = () => requestAnimationFrame(() => document.querySelector<HTMLElement>('form [aria-invalid="true"], form [data-error] input')?.focus());

  return {
    submit: (event?: FormEvent<HTMLFormElement>) => form.onSubmit((values) => sending.mutate(values), refuse)(event),
    pending: sending.isPending,
    error: sending.error,
    reset: sending.reset,
  };
}

function nearest<V>(form: UseFormReturnType<V>, field: string): string | undefined {
  const parts = field.split(".");
  for (let n = parts.length; n > 0; n--) {
    let value: unknown = form.getValues();
    const path = parts.slice(0, n);
    const found = path.every((part) => {
      if (typeof value !== "object" || value === null || !(part in value)) return false;
      value = (value as Record<string, unknown>)[part];
      return true;
    });
    if (found) return path.join(".");
  }
  return undefined;
}
