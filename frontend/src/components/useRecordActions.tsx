import { notifications } from "@mantine/notifications";
import { IconArchive, IconArchiveOff, IconTrash } from "@tabler/icons-react";

import { type Operation, usePermissions } from "@/api/permissions";
import {
  archiveLicense,
  archiveProduct,
  archiveVersion,
  deleteLicense,
  deleteProduct,
  deleteVersion,
  unarchiveLicense,
  unarchiveProduct,
  unarchiveVersion,
} from "@/api/requests";
import { useTranslation } from "@/i18n";

import type { RecordAction } from "./RecordMenu";

interface Request {
  operation: Operation;
  send: (id: string) => Promise<unknown>;
}

const requests = {
  product: {
    archive: { operation: "archiveProduct", send: archiveProduct },
    unarchive: { operation: "unarchiveProduct", send: unarchiveProduct },
    delete: { operation: "deleteProduct", send: deleteProduct },
  },
  version: {
    archive: { operation: "archiveVersion", send: archiveVersion },
    unarchive: { operation: "unarchiveVersion", send: unarchiveVersion },
    delete: { operation: "deleteVersion", send: deleteVersion },
  },
  license: {
    archive: { operation: "archiveLicense", send: archiveLicense },
    unarchive: { operation: "unarchiveLicense", send: unarchiveLicense },
    delete: { operation: "deleteLicense", send: deleteLicense },
  },
} as const satisfies Record<string, Record<"archive" | "unarchive" | "delete", Request>>;

interface Options {
  kind: keyof typeof requests;
  id: string;
  /** The label of the record in the confirmations. */
  name: string;
  archived: boolean;
  /** Runs after the record was archived or unarchived. */
  onChange: () => Promise<unknown>;
  /** Runs after the record was deleted: it leaves the page and drops the record. */
  onDelete: () => Promise<unknown>;
}

/** Returns the actions that every kind of record has: one that archives or unarchives it, and one that deletes it. */
export function useRecordActions({ kind, id, name, archived, onChange, onDelete }: Options): {
  archive: RecordAction;
  remove: RecordAction;
} {
  const { t } = useTranslation();
  const may = usePermissions();
  const direction = archived ? "unarchive" : "archive";
  const { [direction]: archive, delete: remove } = requests[kind];
  return {
    archive: {
      label: t(`do.${direction}`),
      icon: archived ? <IconArchiveOff size={16} /> : <IconArchive size={16} />,
      allowed: may(archive.operation),
      confirmLabel: t(`do.${direction}`),
      danger: !archived,
      title: t(`${kind}.${direction}Title`, { name }),
      text: t(`${kind}.${direction}`),
      run: () => archive.send(id).then(onChange),
    },
    remove: {
      label: t("do.delete"),
      icon: <IconTrash size={16} />,
      allowed: may(remove.operation),
      confirmLabel: t("do.delete"),
      danger: true,
      title: t(`${kind}.deleteTitle`, { name }),
      text: t(`${kind}.delete`),
      run: async () => {
        await remove.send(id);
        notifications.show({ message: t(`${kind}.deleted`, { name }), color: "petrol" });
        await onDelete();
      },
    },
  };
}
