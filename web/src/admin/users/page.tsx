import { Route, Routes } from "react-router";
import { UserDetails } from "./user-details";
import { UserList } from "./user-list";

export function Page() {
  return (
    <Routes>
      <Route path="/" element={<UserList />} />
      <Route path=":id" element={<UserDetails />} />
    </Routes>
  );
}
