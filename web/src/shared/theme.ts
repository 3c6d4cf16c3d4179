/** @file Colours and shapes of all pages. */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

/** The accent; shade 8 on white and shade 3 on dark grounds have a contrast of at least 4.5. */
const vitrine: MantineColorsTuple = [
  "#e6f8fa",
  "#d2eef2",
  "#a3dce4",
  "#70c9d6",
  "#4ab8c9",
  "#33aec1",
  "#1f9db1",
  "#0c8599",
  "#0b7285",
  "#085c6d",
];

export const theme = createTheme({
  colors: { vitrine },
  primaryColor: "vitrine",
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: "md",
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif',
  headings: { fontWeight: "650" },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // A header in a dialog would count as a second banner of the page.
    DrawerHeader: { defaultProps: { role: "presentation" } },
    ModalHeader: { defaultProps: { role: "presentation" } },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
  },
});

/** Mantine's own quiet colours have too little contrast for small text. */
export const readableColors: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": colors.gray[7],
    "--mantine-color-placeholder": colors.gray[7],
    "--mantine-color-error": colors.red[9],
  },
  dark: {
    "--mantine-color-dimmed": colors.dark[1],
    "--mantine-color-placeholder": colors.dark[1],
    "--mantine-color-error": colors.red[4],
  },
});
