import {
  AppShell,
  Anchor,
  Avatar,
  Burger,
  Group,
  Menu,
  NavLink,
  ScrollArea,
  SegmentedControl,
  Stack,
  Text,
  UnstyledButton,
  useMantineColorScheme,
  type MantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBox, IconChevronRight, IconFileCertificate, IconLogout, IconUser } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useLocation, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { endSession } from "@/api/queryClient";
import { logout, productsQuery, sessionQuery } from "@/api/requests";
import type { Session } from "@/api/types";
import { useTranslation } from "@/i18n";

import { Logo } from "./Logo";

const MAX_RECENT = 6; // products in the sidebar

/** Layout of every page: navigation for members, a login link for everybody else. */
export function AppLayout({ children }: { children: ReactNode }) {
  const { data: session } = useQuery({ ...sessionQuery, retry: false, enabled: false });
  return session ? <MemberLayout session={session}>{children}</MemberLayout> : <PublicLayout>{children}</PublicLayout>;
}

function SkipLink() {
  const { t } = useTranslation();
  return (
    <a
      className="skip"
      href="#content"
      onClick={(event) => {
        event.preventDefault(); // the part after # is the route, so a plain anchor would navigate
        document.getElementById("content")?.focus();
      }}
    >
      {t("skip")}
    </a>
  );
}

function MemberLayout({ session, children }: { session: Session; children: ReactNode }) {
  const { t } = useTranslation();
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  useEffect(close, [pathname, close]);
  return (
    <AppShell
      header={{ height: { base: 52, sm: 0 } }}
      navbar={{ width: 248, breakpoint: "sm", collapsed: { mobile: !opened } }}
      transitionDuration={0}
    >
      <SkipLink />
      <AppShell.Header hiddenFrom="sm" px="md">
        <Group h="100%" justify="space-between">
          <Logo />
          <Burger opened={opened} onClick={toggle} size="sm" aria-label={t("nav.menu")} aria-expanded={opened} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label={t("nav.label")} className="side" data-opened={opened || undefined}>
        <AppShell.Section p="md" visibleFrom="sm">
          <Logo />
        </AppShell.Section>
        <AppShell.Section grow component={ScrollArea} px="xs" pt={{ base: "sm", sm: 0 }}>
          <Navigation />
        </AppShell.Section>
        <AppShell.Section p="xs" style={{ borderTop: "1px solid var(--line)" }}>
          <UserMenu session={session} />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        {children}
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const { data } = useInfiniteQuery(productsQuery());
  const recent = data?.slice(0, MAX_RECENT) ?? [];
  const link = { style: { borderRadius: "var(--mantine-radius-md)" }, variant: "light", activeOptions: { exact: true } } as const;
  return (
    <>
      <Stack gap={2}>
        <NavLink
          {...link}
          component={Link}
          to="/products"
          label={t("nav.products")}
          leftSection={<IconBox size={18} />}
          active={pathname === "/products"}
          aria-current={pathname === "/products" ? "page" : undefined}
        />
        <NavLink
          {...link}
          component={Link}
          to="/verify"
          label={t("nav.verify")}
          leftSection={<IconFileCertificate size={18} />}
          active={pathname === "/verify"}
          aria-current={pathname === "/verify" ? "page" : undefined}
        />
      </Stack>
      {recent.length > 0 && (
        <Stack gap={2} mt="lg">
          <Text size="xs" c="dimmed" fw={550} px="sm" pb={4}>
            {t("nav.recent")}
          </Text>
          {recent.map((product) => {
            const active = pathname.startsWith(`/products/${product.id}`);
            return (
              <NavLink
                {...link}
                key={product.id}
                component={Link}
                to={`/products/${product.id}`}
                label={product.name}
                py={6}
                active={active}
                aria-current={active ? "page" : undefined}
                styles={{ label: { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" } }}
              />
            );
          })}
        </Stack>
      )}
    </>
  );
}

function UserMenu({ session }: { session: Session }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leaving = useMutation({
    mutationFn: logout,
    onSuccess: () => endSession(client, () => navigate({ to: "/login" })),
  });
  return (
    <Menu position="top-start" width={228} shadow="md" withinPortal={false}>
      <Menu.Target>
        <UnstyledButton w="100%" p="xs" style={{ borderRadius: "var(--mantine-radius-md)" }}>
          <Group gap="sm" wrap="nowrap">
            <Avatar size={32} radius="md" name={session.member.name} color="petrol" variant="filled" aria-hidden />
            <Stack gap={0} style={{ minWidth: 0, flex: 1 }}>
              <Text size="sm" fw={570} truncate>
                {session.member.name}
              </Text>
              <Text size="xs" c="dimmed" truncate>
                {session.organisation.name}
              </Text>
            </Stack>
            <IconChevronRight size={16} color="var(--mantine-color-dimmed)" aria-hidden />
          </Group>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{session.member.email}</Menu.Label>
        <Menu.Item component={Link} to="/account" leftSection={<IconUser size={16} />}>
          {t("nav.account")}
        </Menu.Item>
        <ColorSchemeItems />
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => leaving.mutate()}>
          {t("nav.logout")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const schemes = ["light", "dark", "auto"] as const;

function ColorSchemeItems() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <Menu.Divider />
      <Menu.Label>{t("nav.scheme")}</Menu.Label>
      {schemes.map((scheme) => (
        <Menu.Item
          key={scheme}
          role="menuitemradio"
          aria-checked={colorScheme === scheme}
          closeMenuOnClick={false}
          onClick={() => setColorScheme(scheme)}
          rightSection={colorScheme === scheme ? "✓" : undefined}
        >
          {t(`nav.${scheme}`)}
        </Menu.Item>
      ))}
    </>
  );
}

function PublicLayout({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <SkipLink />
      <Group component="header" justify="space-between" px={{ base: "md", sm: "xl" }} py="sm" mih={56}>
        <Logo />
        <Group gap="md">
          <SegmentedControl
            size="xs"
            withItemsBorders={false}
            aria-label={t("nav.scheme")}
            visibleFrom="xs"
            value={colorScheme}
            onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}
            data={schemes.map((value) => ({ value, label: t(`nav.${value}`) }))}
          />
          {pathname === "/verify" ? (
            <Anchor component={Link} to="/login" size="sm">
              {t("nav.login")}
            </Anchor>
          ) : (
            <Anchor component={Link} to="/verify" size="sm">
              {t("nav.verify")}
            </Anchor>
          )}
        </Group>
      </Group>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
