# One terraform_data resource per row of the sheet, with the fields of the row. Used to measure a plan without changes.
variable "sheet" { type = string }

resource "terraform_data" "loan" {
  for_each = { for row in csvdecode(file(var.sheet)) : row["合同号"] => row }
  input = {
    name   = "借款合同-${each.key}"
    person = { name = each.value["姓名"], id = each.value["身份证号"], mobile = each.value["手机号"] }
    fields = {
      amount = format("%.2f", tonumber(each.value["金额"]))
      rate   = each.value["年利率"]
      term   = each.value["期限"]
      date   = each.value["起息日"]
    }
  }
}
