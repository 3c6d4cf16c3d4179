import { BrowserRouter } from "react-router";
import { showPage } from "../shared/page";
import { AdminPage } from "./admin-page";

showPage(
  <BrowserRouter basename="/admin">
    <AdminPage />
  </BrowserRouter>,
);
