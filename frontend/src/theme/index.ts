import {
  Alert,
  Badge,
  Button,
  createTheme,
  type CSSVariablesResolver,
  Drawer,
  Input,
  localStorageColorSchemeManager,
  Modal,
  NumberInput,
  Paper,
  Table,
} from "@mantine/core";

/** public/scheme.js reads the same key before the first paint. */
export const schemeManager = localStorageColorSchemeManager({ key: "onelicense-scheme" });

export const theme = createTheme({
  primaryColor: "petrol",
  // With these two values every text has a contrast of at least 4.5 on every surface.
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  luminanceThreshold: 0.3,
  colors: {
    petrol: ["#e7f6f4", "#d3ebe8", "#a8d5cf", "#7abfb6", "#55aca2", "#3ca095", "#2b978b", "#118277", "#00695f", "#00564e"],
    gray: ["#f7f8fa", "#eff1f4", "#e3e6eb", "#d3d8df", "#b6bdc8", "#949dab", "#6b7482", "#4a5361", "#333b47", "#1f2630"],
    dark: ["#e3e7ec", "#c2c9d3", "#a6afbb", "#79838f", "#363f4a", "#29313a", "#1c2229", "#13171c", "#0e1216", "#090c0f"],
  },
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", sans-serif',
  fontFamilyMonospace: '"JetBrains Mono Variable", ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  fontSizes: { xs: "0.75rem", sm: "0.84375rem", md: "0.9375rem", lg: "1.0625rem", xl: "1.25rem" },
  headings: {
    fontFamily: '"Inter Variable", system-ui, sans-serif',
    fontWeight: "620",
    sizes: {
      h1: { fontSize: "1.4375rem", lineHeight: "1.3" },
      h2: { fontSize: "1.0625rem", lineHeight: "1.4" },
      h3: { fontSize: "0.9375rem", lineHeight: "1.45" },
    },
  },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Alert: Alert.extend({
      defaultProps: { variant: "default", radius: "md" },
      styles: (_, { color }) => {
        const tone = color === "red" ? "var(--bad)" : "var(--warn)";
        return {
          root: {
            background: `color-mix(in srgb, ${tone} 5%, var(--surface))`,
            borderColor: "var(--line)",
            borderInlineStart: `3px solid ${tone}`,
          },
          icon: { color: tone },
          title: { color: "var(--mantine-color-text)", fontWeight: 620 },
        };
      },
    }),
    Badge: Badge.extend({ defaultProps: { variant: "default", radius: "sm", tt: "none", fw: 550, size: "md" } }),
    Button: Button.extend({ defaultProps: { fw: 550, size: "sm" } }),
    Drawer: Drawer.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
    Input: Input.extend({ defaultProps: { size: "sm" } }),
    // The header element of a modal is not a banner landmark.
    Modal: Modal.extend({
      defaultProps: { centered: true, closeButtonProps: { "aria-label": "Close" }, attributes: { header: { role: "none" } } },
    }),
    NumberInput: NumberInput.extend({ defaultProps: { hideControls: true, size: "sm" } }),
    Paper: Paper.extend({ defaultProps: { withBorder: true } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: "sm", horizontalSpacing: "md", highlightOnHover: true } }),
  },
});

export const cssVariables: CSSVariablesResolver = (theme) => ({
  variables: {},
  light: {
    "--mantine-color-body": theme.colors.gray![0]!,
    "--mantine-color-dimmed": "#5a6371",
    "--mantine-color-placeholder": "#6b7482",
    "--mantine-color-error": "#b42318",
    "--mantine-color-anchor": theme.colors.petrol![8]!,
    "--surface": "#ffffff",
    "--sunken": theme.colors.gray![1]!,
    "--line": theme.colors.gray![2]!,
    "--good": "#0b6b3a",
    "--warn": "#8a4b00",
    "--bad": "#b42318",
  },
  dark: {
    "--mantine-color-dimmed": theme.colors.dark![2]!,
    "--mantine-color-placeholder": "#8d97a3",
    "--mantine-color-error": "#ff9b8f",
    "--mantine-color-anchor": theme.colors.petrol![3]!,
    "--surface": theme.colors.dark![6]!,
    "--sunken": theme.colors.dark![8]!,
    "--line": theme.colors.dark![5]!,
    "--good": "#6fd6a0",
    "--warn": "#f0b866",
    "--bad": "#ff9b8f",
  },
});
