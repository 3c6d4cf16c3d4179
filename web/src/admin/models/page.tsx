import { Tabs } from "@mantine/core";
import { PageHead } from "../parts/page-head";
import { oneOf, useUrlState } from "../parts/url-state";
import { Packs } from "./packs";
import { Personalizers } from "./personalizers";
import { Rankers } from "./rankers";

const tabs = ["rankers", "personalizers", "packs"] as const;

export function Page() {
  const url = useUrlState();
  const tab = oneOf(url.get("tab"), tabs) ?? "rankers";
  return (
    <>
      <PageHead title="Models">
        Versions are kept. At most one of each kind serves, and the one before it can come back.
      </PageHead>
      <Tabs value={tab} onChange={next => url.set({ tab: next })} keepMounted={false}>
        <Tabs.List mb="md" aria-label="Kinds of models">
          <Tabs.Tab value="rankers">Ranking models</Tabs.Tab>
          <Tabs.Tab value="personalizers">Personalizers</Tabs.Tab>
          <Tabs.Tab value="packs">Model packs</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rankers">
          <Rankers />
        </Tabs.Panel>
        <Tabs.Panel value="personalizers">
          <Personalizers />
        </Tabs.Panel>
        <Tabs.Panel value="packs">
          <Packs />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
