import type { UseFormReturnType } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { ApiError, errorCode } from "@/api/problem";

interface Options<V, T> {
  form: UseFormReturnType<V>;
  send: (values: V) => Promise<T>;
  onSuccess: (result: T) => void;
  /**
   * Returns the form path of a field that the server names, or undefined when the form has no such field. By default the longest prefix of
   * the name that the form has.
   */
  fieldPath?: (field: string) => string | undefined;
}

/** Submits a form, and shows the errors of the server beside the fields that they name. */
export function useSubmit<V, T>({ form, send, onSuccess, fieldPath = (field) => nearestField(form, field) }: Options<V, T>) {
  const sending = useMutation({ mutationFn: send, onSuccess, onError: (error) => showFieldErrors(error) });

  function showFieldErrors(error: unknown) {
    if (!(error instanceof ApiError)) return;
    const fieldErrors = [...(error.problem.errors ?? [])];
    if (errorCode(error) === "exists") fieldErrors.push({ field: "name", detail: error.problem.detail });
    for (const { field, detail } of fieldErrors) {
      const path = fieldPath(field.replaceAll(/\[(\d+)\]/g, ".$1"));
      if (path) form.setFieldError(path, detail);
    }
  }

  /** Moves the focus to the first field with an error, in the order of the page. */
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
