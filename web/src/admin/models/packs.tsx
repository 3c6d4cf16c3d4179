import { Badge, Table, Text } from "@mantine/core";
import { PacksDocument } from "../../api/admin-models-models";
import { useApiQuery } from "../../shared/api-hooks";
import { formatNumber } from "../../shared/formats";
import { QueryView } from "../parts/query-view";
import { WideTable } from "../parts/wide-table";

export function Packs() {
  const query = useApiQuery(PacksDocument, {});
  return (
    <QueryView query={query} label="Reading the packs">
      {({ modelPacks }) => (
        <>
          <Text size="sm" c="dimmed" mb="sm">
            The pack that serves is chosen by <code>VITRINE_MODELS</code>, when the server starts.
          </Text>
          <WideTable label="Model packs" minWidth={640}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Pack</Table.Th>
                  <Table.Th>Version</Table.Th>
                  <Table.Th>Where</Table.Th>
                  <Table.Th>Size</Table.Th>
                  <Table.Th>Models</Table.Th>
                  <Table.Th>Licences</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {modelPacks.map(pack => (
                  <Table.Tr key={`${pack.where} ${pack.name}`}>
                    <Table.Th scope="row">
                      {pack.name} {pack.isInUse && <Badge color="vitrine.8">Serves</Badge>}
                    </Table.Th>
                    <Table.Td>{pack.version ?? pack.fault}</Table.Td>
                    <Table.Td>{pack.where}</Table.Td>
                    <Table.Td>
                      {pack.sizeBytes === null ? "–" : `${formatNumber(pack.sizeBytes / 1e6)} MB`}
                    </Table.Td>
                    <Table.Td>{pack.parts.join(", ")}</Table.Td>
                    <Table.Td>{pack.licenses.join("; ")}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </WideTable>
        </>
      )}
    </QueryView>
  );
}
