/** @file The pages of the admin, in the order of the navigation. Each is loaded when it is opened. */
import {
  IconBriefcase,
  IconChartDots,
  IconChartHistogram,
  IconFileImport,
  IconGauge,
  IconHistory,
  IconKey,
  IconListNumbers,
  IconPhoto,
  IconTopologyStar3,
  IconUsers,
  type Icon,
} from "@tabler/icons-react";
import { type ComponentType, lazy } from "react";

export interface AdminRoute {
  /** Below `/admin`, without a slash; empty for the first page. */
  path: string;
  label: string;
  icon: Icon;
  Page: ComponentType;
  /** Whether a key of the role RECOMMENDER cannot open it. */
  isAdminOnly?: boolean;
}

/** A page module has its page as the export `Page`. */
const page = (load: () => Promise<{ Page: ComponentType }>) =>
  lazy(async () => ({ default: (await load()).Page }));

export const routes: readonly AdminRoute[] = [
  { path: "", label: "Overview", icon: IconGauge, Page: page(() => import("./overview/page")) },
  { path: "jobs", label: "Jobs", icon: IconBriefcase, Page: page(() => import("./jobs/page")) },
  { path: "images", label: "Images", icon: IconPhoto, Page: page(() => import("./images/page")) },
  {
    path: "rank-changes",
    label: "Rank changes",
    icon: IconChartHistogram,
    Page: page(() => import("./rank-changes/page")),
  },
  {
    path: "models",
    label: "Models",
    icon: IconTopologyStar3,
    Page: page(() => import("./models/page")),
  },
  {
    path: "experiments",
    label: "Experiments",
    icon: IconChartDots,
    Page: page(() => import("./experiments/page")),
  },
  {
    path: "studies",
    label: "Studies",
    icon: IconListNumbers,
    Page: page(() => import("./studies/page")),
  },
  {
    path: "imports",
    label: "Imports",
    icon: IconFileImport,
    Page: page(() => import("./imports/page")),
    isAdminOnly: true,
  },
  { path: "users", label: "Users", icon: IconUsers, Page: page(() => import("./users/page")) },
  {
    path: "keys",
    label: "API keys",
    icon: IconKey,
    Page: page(() => import("./keys/page")),
    isAdminOnly: true,
  },
  {
    path: "audit",
    label: "Audit log",
    icon: IconHistory,
    Page: page(() => import("./audit/page")),
    isAdminOnly: true,
  },
];
