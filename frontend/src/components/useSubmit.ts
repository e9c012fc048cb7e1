import type { UseFormReturnType } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { ApiError, errorCode } from "@/api/problem";

interface Options<V, T> {
  form: UseFormReturnType<V>;
  send: (values: V) => Promise<T>;
  onSuccess: (result: T) => void;
  /**
   * The form's path of a field that the server names; by default its own name, or the nearest part of it that the form has. Nothing: the
   * form has no such field.
   */
  fieldPath?: (field: string) => string | undefined;
}

/** Sends a form, and brings what the server finds wrong next to the fields that it names. */
export function useSubmit<V, T>({ form, send, onSuccess, fieldPath = (field) => nearestField(form, field) }: Options<V, T>) {
  const sending = useMutation({ mutationFn: send, onSuccess, onError: (error) => showFieldErrors(error) });

  function showFieldErrors(error: unknown) {
    if (!(error instanceof ApiError)) return;
    const wrongs = [...(error.problem.errors ?? [])];
    if (errorCode(error) === "exists") wrongs.push({ field: "name", detail: error.problem.detail });
    for (const wrong of wrongs) {
      const path = fieldPath(wrong.field.replaceAll(/\[(\d+)\]/g, ".$1"));
      if (path) form.setFieldError(path, wrong.detail);
    }
  }

  /** The first field that is wrong, in the order of the page, gets the focus. */
  const focusFirstError = () =>
    requestAnimationFrame(() => document.querySelector<HTMLElement>('form [aria-invalid="true"], form [data-error] input')?.focus());

  return {
    submit: (event?: FormEvent<HTMLFormElement>) => form.onSubmit((values) => sending.mutate(values), focusFirstError)(event),
    pending: sending.isPending,
    error: sending.error,
    reset: sending.reset,
  };
}

function nearestField<V>(form: UseFormReturnType<V>, field: string): string | undefined {
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
